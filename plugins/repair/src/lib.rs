//! Area repair (维修服务): orders from reception to finished work, and the price list of labour. DOMAIN §6.
//!
//! The rules are in modules without the kernel (`machine`, `reception`, `line`, `decision`, `work`) and tested natively; `operations`
//! reads, asks them, calls area parts, writes and publishes.
//!
//! Invariants:
//! - INVARIANT (no-work-unapproved): a line is worked on only in state `approved`, and only a decision of the customer with evidence
//!   leads there; pricing it anew leads back.
//! - INVARIANT (supply-follows-approval): an approved line of parts has a supply; a line that is not approved holds no reservation.
//! - INVARIANT (one-clock): a technician has at most one running job clock.

mod decision;
mod line;
mod machine;
mod operations;
mod reception;
#[cfg(test)]
mod sample;
mod work;

forecourt_sdk::plugin!(Repair);

use forecourt_sdk::Page as Paged;

/// The plugin.
struct Repair;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::sample;
    use crate::wit::repair::orders::{Charge, Error, LabourCharge};
    use crate::wit::repair::records::{Order, OrderState};

    #[test]
    fn everything_has_a_label_in_both_languages() {
        assert_eq!(super::metadata::UNLABELLED, &[] as &[&str]);
        assert!(super::metadata::LABELS.contains("\"zh-CN\"") && super::metadata::LABELS.contains("\"en\""));
    }

    #[test]
    fn a_record_is_stored_in_the_kernels_json_form() {
        let mut order = sample::order(OrderState::AwaitingApproval);
        order.lines = vec![sample::part_on_order("1")];
        let stored = serde_json::to_value(&order).unwrap();
        assert_eq!(stored["type"], json!("repair"));
        assert_eq!(stored["state"], json!("awaiting_approval"));
        assert_eq!(stored["walk_around"]["energy_level"], json!(5000));
        assert_eq!(stored["lines"][0]["supply"]["state"], json!("on_order"));
        assert_eq!(stored["lines"][0]["authorisation"]["recorded_by"], json!("advisor"));
        assert!(stored.get("promised_at").is_none(), "an absent option has no field");
        assert_eq!(serde_json::from_value::<Order>(stored).unwrap(), order);
    }

    #[test]
    fn options_may_be_null_and_other_names_are_no_fields() {
        let mut stored = serde_json::to_value(sample::order(OrderState::Received)).unwrap();
        stored["vehicle"] = json!(null);
        assert_eq!(serde_json::from_value::<Order>(stored.clone()).unwrap().vehicle, None);
        let fields = stored.as_object_mut().unwrap();
        let number = fields.remove("number").unwrap();
        fields.insert("Number".to_owned(), number);
        assert!(serde_json::from_value::<Order>(stored).is_err());
    }

    #[test]
    fn variants_are_their_case_alone_or_around_the_payload() {
        assert_eq!(serde_json::to_value(Error::NoConcern).unwrap(), json!("no_concern"));
        assert_eq!(serde_json::to_value(Error::Stale(3)).unwrap(), json!({"stale": 3}));
        let labour = Charge::Labour(LabourCharge { code: "A".into(), hours: None });
        assert_eq!(serde_json::to_value(labour).unwrap(), json!({"labour": {"code": "A"}}));
    }

    #[test]
    fn the_embedded_wit_keeps_the_documentation_of_every_package() {
        for text in
            ["world plugin {", "/// Vehicle identification number (GB 16735-2019)", "/// A repair order (售后服务单)."]
        {
            assert!(super::metadata::WIT.contains(text), "{text}");
        }
    }
}
