//! Bad input at every endpoint: the right problem, which names what is wrong, in both languages, and nothing changed.
//!
//! All of it is sent to one kernel. What can be read of it before and after must be the same, so the tests may run at once.

mod bodies;
mod cases;
mod edge;
mod examples;
mod flood;
mod headers;
mod paths;
mod queries;
mod raw;
mod rules;
mod state;
mod values;
mod world;

use serde_json::Value;

use examples::Example;
use world::world;

#[test]
fn every_route_has_an_example_and_every_example_a_route() {
    let mut routes: Vec<(String, String)> = forecourt_gateway::routes()
        .into_iter()
        .flat_map(|(path, methods)| methods.into_iter().map(move |method| (method.to_string(), path.clone())))
        .collect();
    let mut examples: Vec<(String, String)> = examples::of(world())
        .iter()
        .map(|example: &Example| (example.method.to_owned(), example.route.to_owned()))
        .collect();
    routes.sort();
    examples.sort();
    assert_eq!(examples, routes);
}

/// An example that is refused for another reason than the case's would prove nothing, so each must succeed as it is.
#[test]
fn every_example_succeeds() {
    let scratch = world::World::begin();
    for example in examples::of(&scratch) {
        let answer = example.send();
        assert_eq!(answer.status, example.status, "{answer}");
    }
}

/// Whether a text has Chinese characters.
fn is_chinese(text: &Value) -> bool {
    text.as_str().is_some_and(|text| text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c)))
}
