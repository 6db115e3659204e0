//! One kernel that most tests share, in stores of their own: starting one for each would take most of the time.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

use crate::client::Client;
use crate::guests;
use crate::log::{audit_of, events_of};
use crate::server::{Folder, PASSWORD, Server};

/// The group in which the shared kernel's stores are.
pub const GROUP: &str = "g";

/// A kernel with a group, its admin, and the guests published and granted.
#[derive(Debug)]
pub struct Ground {
    /// The folder; dropped after the server.
    pub folder: Folder,
    /// The kernel.
    pub server: Server,
    /// The group's admin.
    pub admin: Client,
    stores: AtomicU64,
}

/// The shared kernel.
pub fn ground() -> &'static Ground {
    static GROUND: LazyLock<Ground> = LazyLock::new(|| {
        let mut ground = Ground::begin();
        ground.server.own_folder();
        ground
    });
    &GROUND
}

/// Publishes a component.
#[track_caller]
pub fn publish(admin: &Client, name: &str) -> Value {
    let bytes = guests::bytes(name);
    let path = format!("/v1/groups/{GROUP}/plugins");
    admin.send("POST", &path, Some("application/wasm"), &bytes).unwrap().ok()
}

/// Approves all that a version requests.
#[track_caller]
pub fn grant(admin: &Client, name: &str, version: &str) -> Value {
    let path = format!("/v1/groups/{GROUP}/plugins/{name}/versions/{version}/grants");
    admin.put(&path, &json!({ "all_requested": true })).ok()
}

impl Ground {
    /// A kernel of one's own with the guests `probe` and `relay`.
    pub fn begin() -> Self {
        Self::begin_with(&[])
    }

    /// The same with flags of `serve`.
    pub fn begin_with(flags: &[&str]) -> Self {
        let folder = Folder::with_group(GROUP);
        let server = Server::start(&folder, flags);
        let admin = server.client().sign_in(Some(GROUP), "admin", PASSWORD);
        for (name, version) in [("probe", "0.1.0"), ("relay", "0.1.0")] {
            publish(&admin, name);
            grant(&admin, name, version);
        }
        Self { folder, server, admin, stores: AtomicU64::new(0) }
    }

    /// A new store in which nothing is enabled.
    pub fn place(&self) -> Place<'_> {
        self.place_in("Asia/Shanghai")
    }

    /// The same in another time zone.
    pub fn place_in(&self, time_zone: &str) -> Place<'_> {
        let store = format!("s{}", self.stores.fetch_add(1, Ordering::Relaxed));
        let body = json!({ "id": store, "name": store, "time_zone": time_zone });
        self.admin.post(&format!("/v1/groups/{GROUP}/stores"), &body).ok();
        Place { ground: self, store, admin: self.admin.clone() }
    }

    /// A new store with `probe` and `relay`.
    pub fn place_with_guests(&self) -> Place<'_> {
        let place = self.place();
        place.enable("probe", "probe", "0.1.0").ok();
        place.enable("relay", "relay", "0.1.0").ok();
        place
    }
}

/// A store of one test.
#[derive(Debug)]
pub struct Place<'a> {
    ground: &'a Ground,
    /// Its id.
    pub store: String,
    /// The group's admin.
    pub admin: Client,
}

impl Place<'_> {
    /// Asks for a plugin version to serve an area here.
    pub fn enable(&self, area: &str, plugin: &str, version: &str) -> crate::Answer {
        let path = format!("/v1/stores/{}/modules/{area}", self.store);
        self.admin.put(&path, &json!({ "plugin": plugin, "version": version }))
    }

    /// The name of the user with a role here.
    pub fn user_name(&self, role: &str) -> String {
        format!("{role}-{}", self.store)
    }

    /// A new user with a role here, signed in.
    pub fn user(&self, role: &str) -> Client {
        let user = self.user_name(role);
        let body =
            json!({ "id": user, "name": user, "password": PASSWORD, "roles": [{ "role": role, "store": self.store }] });
        self.admin.post(&format!("/v1/groups/{GROUP}/users"), &body).ok();
        self.ground.server.client().sign_in(Some(GROUP), &user, PASSWORD)
    }

    /// The audit's lines of a request in this store.
    pub fn audit_of(&self, request_id: &str) -> Vec<Value> {
        audit_of(&self.admin, &format!("/v1/stores/{}", self.store), request_id)
    }

    /// The events of a request in this store.
    pub fn events_of(&self, request_id: &str) -> Vec<Value> {
        events_of(&self.admin, &self.store, request_id)
    }
}
