use clap::CommandFactory;

use super::*;

fn parse(line: &str) -> Result<Command, String> {
    Arguments::try_parse_from(line.split(' ')).map(|arguments| arguments.command).map_err(|error| error.to_string())
}

#[test]
fn the_command_line_is_well_formed() {
    Arguments::command().debug_assert();
}

#[test]
fn help_texts_are_as_agreed() {
    let mut program = Arguments::command().bin_name("forecourt");
    program.build();
    let mut text = program.render_long_help().to_string();
    let mut pending: Vec<clap::Command> = program.get_subcommands().cloned().collect();
    pending.reverse();
    while let Some(mut command) = pending.pop() {
        if command.is_hide_set() || command.get_name() == "help" {
            continue;
        }
        text.push_str(&format!("\n\n======== {}\n", command.get_bin_name().unwrap_or_default()));
        text.push_str(&command.render_help().to_string());
        pending.extend(command.get_subcommands().cloned().collect::<Vec<_>>().into_iter().rev());
    }
    insta::assert_snapshot!(text);
}

#[test]
fn passwords_and_tokens_are_no_arguments() {
    // INVARIANT (secrets-by-hand)
    fn walk(command: &clap::Command) {
        for argument in command.get_arguments() {
            let name = argument.get_id().as_str();
            assert!(!name.contains("token"), "{name}");
            assert!(!name.contains("password") || name == "password_stdin", "{name}");
        }
        command.get_subcommands().for_each(walk);
    }
    walk(&Arguments::command());
}

#[test]
fn roles_are_given_in_a_store_or_in_the_group() {
    let Command::User { command: UserCommand::Add(arguments) } =
        parse("forecourt user add li.wei --role advisor@bj01 --role auditor").unwrap()
    else {
        panic!("another command");
    };
    let store = StoreId::new("bj01").unwrap();
    let expected = vec![(RoleName::new("advisor").unwrap(), Some(store)), (RoleName::new("auditor").unwrap(), None)];
    assert_eq!(arguments.roles, expected);
    assert!(
        parse("forecourt user add li.wei --role Advisor@bj01").unwrap_err().contains("`Advisor` is not a role name")
    );
}

#[test]
fn stores_are_separated_by_commas_and_must_be_named() {
    let Command::Enable(arguments) = parse("forecourt enable repair repair@0.1.0 --stores bj01,sh01").unwrap() else {
        panic!("another command");
    };
    assert_eq!(arguments.stores.stores.len(), 2);
    assert!(parse("forecourt enable repair repair@0.1.0").unwrap_err().contains("--stores"));
    assert!(parse("forecourt disable repair --stores BJ01").unwrap_err().contains("`BJ01` is not a store id"));
}

#[test]
fn wrong_values_are_named() {
    for (line, why) in [
        ("forecourt call bj01 repair/orders", "is not a operation path"),
        ("forecourt grant repair", "not of the form NAME@VERSION"),
        ("forecourt init --group Demo --admin a", "`Demo` is not a group id"),
        ("forecourt limits --format xml", "possible values: table, json"),
    ] {
        let error = parse(line).unwrap_err();
        assert!(error.contains(why), "{line}: {error}");
    }
}
