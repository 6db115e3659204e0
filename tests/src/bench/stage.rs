//! The ground of the benches: a group with one store in which `jobs`, `desk` and the bundled areas are enabled, and a signed-in user.

use serde_json::json;

use crate::bench::requests::STORE;
use crate::client::Client;
use crate::ground::{GROUP, grant, publish};
use crate::server::{Folder, PASSWORD, Server};

/// A data folder that is ready for the load; nothing runs on it.
#[derive(Debug)]
pub struct Stage {
    /// The folder.
    pub folder: Folder,
    /// The session of the user whose role allows every operation of `jobs` and `desk`.
    pub token: String,
    /// The session of the group's admin.
    pub admin: String,
}

impl Stage {
    /// Makes a folder by a kernel that is stopped again.
    pub fn make() -> Self {
        let folder = Folder::with_group(GROUP);
        let server = Server::start(&folder, &[]);
        let admin = server.client().sign_in(Some(GROUP), "admin", PASSWORD);
        let store = json!({ "id": STORE, "name": "北京一店", "time_zone": "Asia/Shanghai" });
        admin.post(&format!("/v1/groups/{GROUP}/stores"), &store).ok();
        for plugin in ["jobs", "desk"] {
            publish(&admin, plugin);
            grant(&admin, plugin, "0.1.0");
        }
        for plugin in ["jobs", "desk", "parts", "repair"] {
            enable(&admin, STORE, plugin);
        }
        let roles = json!([{ "role": "advisor", "store": STORE }]);
        let user = json!({ "id": "advisor", "name": "顾问", "password": PASSWORD, "roles": roles });
        admin.post(&format!("/v1/groups/{GROUP}/users"), &user).ok();
        let (token, admin) = (token(&server.client(), "advisor"), token(&server.client(), "admin"));
        assert!(server.stop().success());
        Self { folder, token, admin }
    }
}

/// Has a plugin serve the area of its name in a store.
pub fn enable(admin: &Client, store: &str, plugin: &str) {
    let module = json!({ "plugin": plugin, "version": "0.1.0" });
    admin.put(&format!("/v1/stores/{store}/modules/{plugin}"), &module).ok();
}

fn token(client: &Client, user: &str) -> String {
    let body = json!({ "group": GROUP, "user": user, "password": PASSWORD });
    client.post("/v1/sessions", &body).ok()["token"].as_str().unwrap().to_owned()
}
