//! One vehicle's way through the workshop, as far as it has come.

use serde_json::{Value, json};

use super::super::stage::Stage;
use super::{STORE, UNIT};
use crate::failure::Failure;

/// How far an order has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    Received,
    Inspecting,
    Quoting,
    AwaitingApproval,
    Declined,
    Approved,
    InProgress,
    WorkDone,
}

/// A visit of a customer.
pub(super) struct Visit {
    pub(super) key: &'static str,
    pub(super) kind: &'static str,
    pub(super) vin: &'static str,
    pub(super) plate: &'static str,
    pub(super) odometer_km: u32,
    pub(super) contact: (&'static str, &'static str),
    pub(super) words: &'static str,
    pub(super) category: &'static str,
    pub(super) cause: &'static str,
    pub(super) correction: &'static str,
    /// Codes of labour operations.
    pub(super) labour: &'static [&'static str],
    /// Numbers of parts and how many units.
    pub(super) parts: &'static [(&'static str, i64)],
    pub(super) reach: Reach,
}

/// An order as its last answer told it.
struct Order<'a> {
    stage: &'a Stage<'a>,
    visit: &'a Visit,
    answer: Value,
}

impl Visit {
    /// Takes the vehicle as far as it has come.
    pub(super) async fn make(&self, stage: &Stage<'_>) -> Result<(), Failure> {
        let mut order = Order { stage, visit: self, answer: Value::Null };
        order.receive().await?;
        for (reach, step) in STEPS {
            if self.reach >= *reach {
                order.step(step).await?;
            }
        }
        Ok(())
    }
}

/// What is done to come into a state.
#[derive(Debug, Clone, Copy)]
enum Step {
    Inspect,
    Plan,
    Quote,
    Decide,
    Dispatch,
    Finish,
}

const STEPS: &[(Reach, Step)] = &[
    (Reach::Inspecting, Step::Inspect),
    (Reach::Quoting, Step::Plan),
    (Reach::AwaitingApproval, Step::Quote),
    (Reach::Declined, Step::Decide),
    (Reach::InProgress, Step::Dispatch),
    (Reach::WorkDone, Step::Finish),
];

impl Order<'_> {
    async fn step(&mut self, step: &Step) -> Result<(), Failure> {
        match step {
            Step::Inspect => self.act("foreman", "assign-inspection", json!({"tech": "tech"})).await,
            Step::Plan => self.plan().await,
            Step::Quote => self.act("advisor", "send-quote", json!({})).await,
            Step::Decide if self.visit.reach == Reach::Declined => self.decline().await,
            Step::Decide => self.approve().await,
            Step::Dispatch => self.dispatch().await,
            Step::Finish => self.finish().await,
        }
    }

    async fn receive(&mut self) -> Result<(), Failure> {
        let visit = self.visit;
        let (name, mobile) = visit.contact;
        let reception = json!({"reception": {
            "type": visit.kind,
            "snapshot": {
                "vin": visit.vin, "plate": visit.plate, "odometer": visit.odometer_km,
                "contact": {"name": name, "mobile": mobile},
            },
            "concerns": [{"words": visit.words, "category": visit.category}],
            "walk_around": {"damages": [], "belongings": ["行车记录仪"], "energy_level": 5_000, "confirmed": true},
            "old_parts": "give_back",
            "waiting": false,
        }});
        let key = format!("{}-receive", visit.key);
        self.answer = self.stage.call(STORE, "advisor", "repair/orders/receive", &key, reception).await?;
        Ok(())
    }

    /// Calls a command on the order as it is now.
    async fn act(&mut self, user: &str, operation: &str, mut arguments: Value) -> Result<(), Failure> {
        let version = self.answer.get("version").cloned().unwrap_or_default();
        if let Some(arguments) = arguments.as_object_mut() {
            arguments.insert("order".to_owned(), self.answer.get("id").cloned().unwrap_or_default());
            arguments.insert("expected_version".to_owned(), version.clone());
        }
        let key = format!("{}-{operation}-{version}", self.visit.key);
        self.answer = self.stage.call(STORE, user, &format!("repair/orders/{operation}"), &key, arguments).await?;
        Ok(())
    }

    async fn plan(&mut self) -> Result<(), Failure> {
        let visit = self.visit;
        let finding =
            json!({"concern": 1, "cause": visit.cause, "no_fault_found": false, "correction": visit.correction});
        self.act("tech", "record-findings", json!({"findings": [finding]})).await?;
        for code in visit.labour {
            self.add_line(json!({"labour": {"code": code}})).await?;
        }
        for (number, units) in visit.parts {
            self.add_line(json!({"part": {"number": number, "quantity": units * UNIT}})).await?;
        }
        Ok(())
    }

    async fn add_line(&mut self, charge: Value) -> Result<(), Failure> {
        self.act("advisor", "add-line", json!({"line": {"concern": 1, "charge": charge, "payer": "customer"}})).await
    }

    async fn approve(&mut self) -> Result<(), Failure> {
        let (by, _) = self.visit.contact;
        let approved = self.lines("", |line| line.get("id").cloned()).await?;
        let decision = json!({
            "method": "phone", "by": by, "evidence": "通话录音", "approved": approved, "deferred": [], "if_short": "order",
        });
        self.act("advisor", "approve", json!({"decision": decision})).await
    }

    async fn decline(&mut self) -> Result<(), Failure> {
        let (by, _) = self.visit.contact;
        let refusal =
            json!({"method": "in_person", "by": by, "evidence": "报价单签字", "reason": "费用超出预期，暂不维修"});
        self.act("advisor", "decline", json!({"refusal": refusal})).await
    }

    async fn dispatch(&mut self) -> Result<(), Failure> {
        let assignments = self.lines("labour", |line| Some(json!({"line": line.get("id")?, "tech": "tech"}))).await?;
        self.act("foreman", "dispatch", json!({"plan": {"bay": "机修3号工位", "assignments": assignments}})).await?;
        self.act("tech", "start-work", json!({})).await
    }

    async fn finish(&mut self) -> Result<(), Failure> {
        let usage = self
            .lines("part", |line| Some(json!({"line": line.get("id")?, "used": line.get("quantity")?, "returned": 0})))
            .await?;
        self.act(
            "tech",
            "finish",
            json!({"completion": {"usage": usage, "self_check_passed": true, "note": "试车正常"}}),
        )
        .await
    }

    /// Something of each line of a kind, or of every line.
    async fn lines(&self, kind: &str, of: impl Fn(&Value) -> Option<Value>) -> Result<Vec<Value>, Failure> {
        let arguments = json!({"order": self.answer.get("id")});
        let view = self.stage.call(STORE, "advisor", "repair/orders/get-order", self.visit.key, arguments).await?;
        let lines = view.pointer("/order/lines").and_then(Value::as_array).into_iter().flatten();
        let of_kind = lines.filter(|line| kind.is_empty() || line.get("kind").and_then(Value::as_str) == Some(kind));
        Ok(of_kind.filter_map(of).collect())
    }
}
