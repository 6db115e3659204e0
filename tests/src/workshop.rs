//! The people of a workshop and what they do to repair orders.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::ground::Place;

/// One unit of a part.
pub const UNIT: i64 = 1_000;
/// The labour operation of every workshop: one hour at 300 yuan.
pub const LABOUR: &str = "MT-0101";

/// A store with areas parts and repair, its people, and a price list of labour.
#[derive(Debug)]
pub struct Workshop {
    /// The store.
    pub store: String,
    /// Receives vehicles, writes quotes and records decisions.
    pub advisor: Client,
    /// Inspects and works.
    pub tech: Client,
    /// The technician's sign-in name.
    pub tech_name: String,
    /// Dispatches.
    pub foreman: Client,
    /// Keeps the catalogue and the stock.
    pub parts_manager: Client,
    /// Keeps the price list of labour.
    pub svc_manager: Client,
    vehicles: AtomicU32,
}

/// An order as its last answer told it.
#[derive(Debug, Clone)]
pub struct Order {
    /// Its id.
    pub id: String,
    /// Its version.
    pub version: Value,
}

impl Order {
    /// Arguments of a command on this order.
    #[must_use]
    pub fn with(&self, mut arguments: Value) -> Value {
        arguments["order"] = json!(self.id);
        arguments["expected_version"] = self.version.clone();
        arguments
    }

    fn of(summary: &Value) -> Self {
        Self { id: summary["id"].as_str().unwrap().to_owned(), version: summary["version"].clone() }
    }
}

impl Workshop {
    /// Opens a workshop in a store of its own.
    pub fn open(place: &Place<'_>) -> Self {
        for area in ["parts", "repair"] {
            place.enable(area, area, "0.1.0").ok();
        }
        Self::without_areas(place)
    }

    /// The people, where the areas are enabled already or only one of them.
    pub fn without_areas(place: &Place<'_>) -> Self {
        let [advisor, tech, foreman, parts_manager, svc_manager] =
            ["advisor", "tech", "foreman", "parts_manager", "svc_manager"].map(|role| place.user(role));
        let (store, tech_name) = (place.store.clone(), place.user_name("tech"));
        let workshop =
            Self { store, advisor, tech, tech_name, foreman, parts_manager, svc_manager, vehicles: AtomicU32::new(0) };
        let operation = json!({ "code": LABOUR, "name": "更换机油", "category": "mechanical", "std_hours": 1_000 });
        workshop.call(&workshop.svc_manager, "repair/price-list/add-operation", json!({ "operation": operation })).ok();
        let rate = json!({ "category": "mechanical", "expected_version": 0, "per_hour": 30_000 });
        workshop.call(&workshop.svc_manager, "repair/price-list/set-rate", rate).ok();
        workshop
    }

    /// The same people, asking a kernel that listens elsewhere.
    #[must_use]
    pub fn at(&self, url: &str) -> Self {
        let [advisor, tech, foreman, parts_manager, svc_manager] =
            [&self.advisor, &self.tech, &self.foreman, &self.parts_manager, &self.svc_manager].map(|who| who.at(url));
        let (store, tech_name) = (self.store.clone(), self.tech_name.clone());
        let vehicles = AtomicU32::new(self.vehicles.load(Ordering::Relaxed));
        Self { store, advisor, tech, tech_name, foreman, parts_manager, svc_manager, vehicles }
    }

    /// Calls an operation in this store.
    pub fn call(&self, who: &Client, operation: &str, arguments: Value) -> Answer {
        who.call(&self.store, operation, &arguments)
    }

    /// Adds a part at 50 yuan and takes some of it in.
    pub fn stock(&self, number: &str, units: i64) {
        let part = json!({ "number": number, "name": "机油滤清器", "brand": "VW", "grade": "original", "unit": "件", "price": 5_000 });
        self.call(&self.parts_manager, "parts/catalogue/add-part", json!({ "part": part })).ok();
        if units > 0 {
            self.take_in(number, units);
        }
    }

    /// Takes in some of a part.
    pub fn take_in(&self, number: &str, units: i64) {
        let receipt = json!({ "part": number, "quantity": units * UNIT, "unit_cost": 3_000, "quality": "ok" });
        self.call(&self.parts_manager, "parts/stock/receive", json!({ "receipt": receipt })).ok();
    }

    /// What is on hand of a part, reserved, and available, in thousandths.
    pub fn level(&self, number: &str) -> [i64; 3] {
        let level = self.call(&self.parts_manager, "parts/stock/get-level", json!({ "part": number })).ok();
        ["on_hand", "reserved", "available"].map(|field| level[field].as_i64().unwrap())
    }

    /// A vehicle at reception that no other order has.
    pub fn reception(&self) -> Value {
        let vehicle = self.vehicles.fetch_add(1, Ordering::Relaxed);
        json!({ "reception": {
            "type": "repair",
            "snapshot": {
                "vin": null, "plate": format!("京A{vehicle:05}"), "odometer": 10_000,
                "contact": { "name": "王建国", "mobile": "13801230001" },
            },
            "concerns": [{ "words": "机油灯亮", "category": "mechanical" }],
            "walk_around": { "damages": [], "belongings": ["行车记录仪"], "energy_level": 5_000, "confirmed": true },
            "old_parts": "give_back",
            "waiting": false,
        }})
    }

    /// Receives a vehicle.
    pub fn receive(&self) -> Order {
        Order::of(&self.call(&self.advisor, "repair/orders/receive", self.reception()).ok())
    }

    /// The order of which this is the summary.
    pub fn order(&self, summary: &Value) -> Order {
        Order::of(summary)
    }

    /// Asks for a command on an order as it is now.
    pub fn ask(&self, who: &Client, order: &Order, command: &str, arguments: Value) -> Answer {
        self.call(who, &format!("repair/orders/{command}"), order.with(arguments))
    }

    /// Does a command on an order.
    pub fn act(&self, who: &Client, order: &mut Order, command: &str, arguments: Value) -> Value {
        let summary = self.ask(who, order, command, arguments).ok();
        *order = Order::of(&summary);
        summary
    }

    /// Takes a received order to `quoting`.
    pub fn inspect(&self, order: &mut Order) {
        self.act(&self.foreman, order, "assign-inspection", json!({ "tech": self.tech_name }));
        let finding = json!({ "concern": 1, "cause": "缺机油", "no_fault_found": false, "correction": "更换" });
        self.act(&self.tech, order, "record-findings", json!({ "findings": [finding] }));
    }

    /// Adds a line for this charge, paid by the customer.
    pub fn add_line(&self, order: &mut Order, charge: Value) -> Value {
        let line = json!({ "concern": 1, "charge": charge, "payer": "customer" });
        self.act(&self.advisor, order, "add-line", json!({ "line": line }))
    }

    /// A new order in `awaiting-approval` with a line of labour and one of each of these parts.
    pub fn awaiting_approval(&self, parts: &[(&str, i64)]) -> Order {
        let mut order = self.receive();
        self.inspect(&mut order);
        self.add_line(&mut order, json!({ "labour": { "code": LABOUR } }));
        for (number, units) in parts {
            self.add_line(&mut order, json!({ "part": { "number": number, "quantity": units * UNIT } }));
        }
        self.act(&self.advisor, &mut order, "send-quote", json!({}));
        order
    }

    /// The order with its totals and what is open to this user.
    pub fn view(&self, who: &Client, order: &Order) -> Value {
        self.call(who, "repair/orders/get-order", json!({ "order": order.id })).ok()
    }

    /// The ids of an order's lines of a kind such as `part`, or of all lines.
    pub fn lines(&self, order: &Order, kind: &str) -> Vec<Value> {
        let view = self.view(&self.advisor, order);
        let lines = view["order"]["lines"].as_array().unwrap().iter();
        lines.filter(|line| kind.is_empty() || line["kind"] == kind).map(|line| line["id"].clone()).collect()
    }

    /// The decision that approves all lines.
    pub fn approval(&self, order: &Order, if_short: &str) -> Value {
        json!({ "decision": {
            "method": "phone", "by": "王建国", "evidence": "通话录音", "approved": self.lines(order, ""), "deferred": [], "if_short": if_short,
        }})
    }

    /// The plan that gives all labour of an order to the technician.
    pub fn plan(&self, order: &Order) -> Value {
        let assign = |line| json!({ "line": line, "tech": self.tech_name });
        let assignments: Vec<Value> = self.lines(order, "labour").into_iter().map(assign).collect();
        json!({ "plan": { "bay": "机修3号工位", "assignments": assignments } })
    }

    /// The reservations that area parts holds for an order.
    pub fn reservations(&self, order: &Order) -> Vec<Value> {
        self.advisor.list(&self.store, "parts/reservations/list-reservations", &json!({ "order": order.id }))
    }
}
