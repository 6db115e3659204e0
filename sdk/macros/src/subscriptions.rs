//! What a plugin is told of: the events of its subscriptions as one typed enum.
//!
//! The kernel hands over an event with its payload as JSON. The code made here finds the payload's record by the topic, so that the
//! author matches on types and a payload that does not fit goes to the dead letters rather than to a handler.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use wit_parser::TypeDefKind;

use crate::bindings;
use crate::manifest::Manifest;
use crate::wit::{HTTP_RESPONSE, World};

/// The module `subscriptions`, and the exported interface `subscriber` over it; nothing where the manifest subscribes to nothing.
pub(crate) fn expand(implementor: &syn::Ident, manifest: &Manifest, world: &World) -> Result<TokenStream, String> {
    let exported = world.hooks().any(|(_, name)| name == "subscriber");
    let topics = manifest.subscribed();
    let (timers, cron) = (manifest.sets_timers(), !manifest.cron.is_empty());
    match (exported, topics.is_empty() && !timers && !cron) {
        (false, true) => return Ok(TokenStream::new()),
        (true, false) => {}
        (true, true) => {
            return Err("plugin.toml exports `subscriber` of the kernel but has no [[subscriptions]] or [[cron]] and sets no timers".into());
        }
        (false, false) => {
            return Err(
                "[[subscriptions]], [[cron]] or timers in plugin.toml: add `forecourt:kernel/subscriber@0.1.0` to [exports] interfaces"
                    .into(),
            );
        }
    }
    let (variants, arms) = events(manifest, world)?;
    Ok(quote! {
        /// What the plugin is told of, as `[[subscriptions]]` of its manifest says.
        #[allow(dead_code, unreachable_pub, reason = "an author need not look at all that an event tells")]
        pub mod subscriptions {
            pub use super::wit::kernel::subscriber::{Error, Event as Told};

            /// An event of a subscription, by its topic.
            #[derive(Debug, Clone, PartialEq)]
            pub enum Event { #variants }

            impl Event {
                /// The event that `payload` is under `topic`.
                ///
                /// # Errors
                /// `unusable` for another topic, or where the payload is not of the topic's record.
                pub fn read(topic: &str, payload: &str) -> ::std::result::Result<Self, Error> {
                    match topic {
                        #arms
                        other => Err(Error::Unusable(::std::format!("`{other}` is no topic of this plugin"))),
                    }
                }
            }

            /// Who is told of events.
            pub trait Subscriber {
                /// Handles one event; `told` says when, by whom and under which key it was published.
                ///
                /// # Errors
                /// `unusable` where it can never be handled, `other` where it may be tried again.
                fn handle(event: Event, told: &Told) -> ::std::result::Result<(), Error>;
            }

            impl super::wit::kernel::subscriber::Guest for super::#implementor {
                fn handle(told: Told) -> ::std::result::Result<(), Error> {
                    <Self as Subscriber>::handle(Event::read(&told.topic, &told.payload)?, &told)
                }
            }
        }
    })
}

/// The type of a topic's payload.
fn record(world: &World, topic: &str) -> Result<TokenStream, String> {
    if topic == HTTP_RESPONSE {
        return Ok(quote!(::forecourt_sdk::http::Response));
    }
    let (area, record) = payload(world, topic)?;
    Ok(quote!(super::wit::#area::events::#record))
}

/// The cases of the enum, and the arms that read them.
fn events(manifest: &Manifest, world: &World) -> Result<(TokenStream, TokenStream), String> {
    let (timers, cron) = (manifest.sets_timers(), !manifest.cron.is_empty());
    let mut variants = TokenStream::new();
    let mut arms = TokenStream::new();
    let own = [
        (timers, "Timer", "kernel.timer", quote!(Fired), "A timer whose time has come."),
        (cron, "Cron", "kernel.cron", quote!(CronRun), "A line under `[[cron]]` is due."),
    ];
    for (_, variant, topic, ty, doc) in own.into_iter().filter(|(wanted, ..)| *wanted) {
        let variant = format_ident!("{variant}");
        variants.extend(quote! { #[doc = #doc] #variant(::forecourt_sdk::timers::#ty), });
        arms.extend(arm(topic, &variant));
    }
    for topic in manifest.subscribed() {
        let record = record(world, topic)?;
        let variant = format_ident!("{}", bindings::camel(&topic.replace('.', "-")));
        let doc = format!("`{topic}`");
        variants.extend(quote! { #[doc = #doc] #variant(#record), });
        arms.extend(arm(topic, &variant));
    }
    Ok((variants, arms))
}

/// Reads the payload of a topic.
fn arm(topic: &str, variant: &syn::Ident) -> TokenStream {
    quote! {
        #topic => ::forecourt_sdk::serde_json::from_str(payload).map(Event::#variant).map_err(|error| {
            Error::Unusable(::std::format!("its payload is not as this plugin knows it: {error}"))
        }),
    }
}

/// The area's module and the record of a topic's payload.
fn payload(world: &World, topic: &str) -> Result<(syn::Ident, syn::Ident), String> {
    let missing =
        || format!("[[subscriptions]] in plugin.toml: no interface `events` has the record of topic `{topic}`");
    let (area, name) = topic.split_once('.').ok_or_else(missing)?;
    let of_area = |id: &_| matches!(world.path(*id), Some(("forecourt", package, "events")) if package == area);
    let interface = world.interfaces().find(of_area).and_then(|id| world.resolve.interfaces.get(id));
    let id = interface.and_then(|interface| interface.types.get(name)).ok_or_else(missing)?;
    match world.resolve.types.get(*id).map(|ty| &ty.kind) {
        Some(TypeDefKind::Record(_)) => {
            Ok((format_ident!("{}", bindings::ident(area)), format_ident!("{}", bindings::camel(name))))
        }
        _ => Err(missing()),
    }
}
