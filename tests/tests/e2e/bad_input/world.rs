//! A kernel with something of everything, and the people who ask it.

use std::sync::LazyLock;

use forecourt_base::{Clock, SystemClock};
use forecourt_schema::fixtures::Fixture;
use forecourt_tests::ground::{GROUP, grant, publish};
use forecourt_tests::server::PASSWORD;
use forecourt_tests::{Client, Ground};
use serde_json::{Value, json};

use super::examples::FILE;
use super::state;
use crate::deliveries::until;

/// Another group, in which the first one's people have nothing to say.
pub(super) const OTHER: &str = "other";
/// An operation with a parameter of every type there is. Its code traps: whoever reaches it was let through.
const TYPES: &str = "
package forecourt:types@0.1.0;

/// Every type.
interface all {
    use forecourt:common/types@0.1.0.{vin, plate, mobile, resident-id, credit-code, money, percent, date, datetime, mileage, user-id, customer-id, file-ref, page-token, personal-text};

    /// Why not.
    variant error { other(string) }
    /// Colours.
    enum colour { red, dark-green }
    /// Wishes.
    flags wishes { fast, very-clean }
    /// Somebody.
    record person { name: string, age: option<u8> }
    /// Forms.
    variant form { plain, round(u32), named(person) }
    /// Numbers.
    record numbers { a: u8, b: s8, c: u16, d: s16, e: u32, f: s32, g: u64, h: s64, i: f32, j: f64 }
    /// Papers.
    record papers { vin: vin, plate: plate, mobile: mobile, id: resident-id, code: credit-code, day: date, at: datetime, user: user-id, customer: customer-id, file: file-ref, note: personal-text }
    /// Amounts.
    record amounts { money: money, percent: percent, mileage: mileage }

    /// Takes all of it.
    send: func(numbers: numbers, papers: papers, amounts: amounts, colour: colour, wishes: wishes, form: form, counts: list<u16>, pair: tuple<string, bool>, letter: char, maybe: option<person>) -> result<_, error>;
    /// Takes what a query string can hold.
    check-plain: func(count: u32, sure: bool, text: option<string>, colour: option<colour>, page: option<page-token>) -> result<_, error>;
}
";

/// A job, whose steps trap.
const JOBS: &str = "[[jobs]]\nname = 'count'\ntitle = { en = 'Count', zh-CN = '计数' }";

/// The kernel and its people.
#[derive(Debug)]
pub(super) struct World {
    pub(super) ground: Ground,
    /// The admin of the group.
    pub(super) admin: Client,
    /// The admin of the deployment.
    pub(super) root: Client,
    /// The admin of the other group.
    pub(super) outsider: Client,
    /// An advisor in the store.
    pub(super) advisor: Client,
    /// A session that is there to be ended.
    pub(super) spare: Client,
    /// The store.
    pub(super) store: String,
    /// Dead letters of the store, and of the group.
    pub(super) letters: [Vec<String>; 2],
    /// The component with every type.
    pub(super) types: Vec<u8>,
    /// An outbound request that failed for good.
    pub(super) request: String,
    /// What opens something, or is there to be ended.
    pub(super) access: Access,
    /// A job in the store and one in the group, both cancelled.
    pub(super) jobs: [String; 2],
    /// What could be read when it had begun.
    before: Value,
}

/// The kernel that all these tests ask.
pub(super) fn world() -> &'static World {
    static WORLD: LazyLock<World> = LazyLock::new(|| {
        let mut world = World::begin();
        world.ground.server.own_folder();
        world
    });
    &WORLD
}

/// Has events published that nobody can use, in the store and in the group: the ids of the dead letters.
fn letters(ground: &Ground, store: &str) -> [Vec<String>; 2] {
    const EACH: usize = 3;
    for name in ["pulse", "tally"] {
        publish(&ground.admin, name);
        grant(&ground.admin, name, "0.1.0");
    }
    [format!("/v1/stores/{store}"), format!("/v1/groups/{GROUP}")].map(|place| {
        for name in ["pulse", "tally"] {
            let module = json!({ "plugin": name, "version": "0.1.0" });
            ground.admin.put(&format!("{place}/modules/{name}"), &module).ok();
        }
        let beats = json!({ "key": "k", "count": EACH, "mood": "unusable" });
        ground.admin.post(&format!("{place}/pulse/beats/emit"), &beats).ok();
        until("dead letters", || {
            let letters = ground.admin.all(&format!("{place}/dead-letters"));
            let ids: Vec<_> = letters.iter().map(|letter| letter["id"].as_str().unwrap().to_owned()).collect();
            if ids.len() == EACH { Ok(ids) } else { Err(format!("{letters:?}")) }
        })
    })
}

impl World {
    pub(super) fn begin() -> Self {
        let ground = Ground::begin();
        let client = ground.server.client();
        let root = client.sign_in(None, "root", PASSWORD);
        let place = ground.place_with_guests();
        let (store, admin) = (place.store.clone(), place.admin.clone());
        let advisor = place.user("advisor");
        for area in ["parts", "repair"] {
            place.enable(area, area, "0.1.0").ok();
        }
        admin.post(&format!("/v1/groups/{GROUP}/stores"), &json!({ "id": "empty", "name": "空店" })).ok();
        let group = json!({ "id": OTHER, "name": "另一集团", "admin": { "user": "boss", "name": "Boss", "password": PASSWORD } });
        root.post("/v1/groups", &group).ok();
        let outsider = client.sign_in(Some(OTHER), "boss", PASSWORD);
        outsider.post(&format!("/v1/groups/{OTHER}/stores"), &json!({ "id": "far", "name": "Far" })).ok();
        let chief = json!([{ "role": "deployment-admin" }]);
        root.post("/v1/users", &json!({ "id": "deputy", "name": "Deputy", "password": PASSWORD, "roles": chief })).ok();
        let user = json!({ "id": "li.wei", "name": "李伟", "password": PASSWORD, "roles": [{ "role": "tech", "store": store }] });
        admin.post(&format!("/v1/groups/{GROUP}/users"), &user).ok();
        let spare = client.sign_in(Some(GROUP), "li.wei", PASSWORD);
        let exports = "export forecourt:types/all@0.1.0; export forecourt:kernel/job@0.1.0;";
        let types = Fixture::new("types", "0.1.0", exports).package(TYPES).extra(JOBS).build();
        let plugins = format!("/v1/groups/{GROUP}/plugins");
        admin.send("POST", &plugins, Some("application/wasm"), &types).unwrap().ok();
        let enabled = json!({ "plugin": "types", "version": "0.1.0" });
        admin.put(&format!("{plugins}/types/versions/0.1.0/grants"), &json!({ "all_requested": true })).ok();
        admin.put(&format!("/v1/groups/{GROUP}/modules/types"), &enabled).ok();
        for place in [format!("stores/{store}"), format!("groups/{GROUP}")] {
            admin.send("POST", &format!("/v1/{place}/files"), Some("application/pdf"), FILE).unwrap().ok();
        }
        let request = request(&admin, &store);
        advisor.call(&store, "probe/effects/act", &json!({ "note": "first", "ending": "succeed" })).ok();
        advisor.call(&store, "probe/accounts/open", &json!({ "account": "a", "balance": 100 })).ok();
        let letters = letters(&ground, &store);
        let access = Access::of(&admin, &root, &client, &store);
        let jobs = [format!("/v1/stores/{store}/jobs"), format!("/v1/groups/{GROUP}/jobs")].map(|path| {
            let job = admin.post(&path, &json!({ "plugin": "types", "name": "count" })).body;
            let id = job["id"].as_str().unwrap().to_owned();
            admin.send("POST", &format!("{path}/{id}/cancel"), None, b"").unwrap().ok();
            id
        });
        let mut world = Self {
            ground,
            admin,
            root,
            outsider,
            advisor,
            spare,
            store,
            letters,
            types,
            request,
            access,
            jobs,
            before: Value::Null,
        };
        world.before = state::read(&world);
        world
    }

    /// Nothing that can be read is other than at the beginning.
    #[track_caller]
    pub(super) fn unchanged(&self) {
        let now = state::read(self);
        for (name, before) in self.before.as_object().unwrap() {
            assert_eq!(&now[name], before, "{name}");
        }
        assert_eq!(self.ground.server.client().get("/readyz").status, 200);
    }

    /// Somebody who has not signed in.
    pub(super) fn nobody(&self) -> Client {
        self.ground.server.client()
    }
}

/// Sessions, keys, links and a token, by the names that routes give them.
#[derive(Debug)]
pub(super) struct Access {
    /// A session of `mei.lin`, and of the deployment's `deputy`.
    pub(super) sessions: [String; 2],
    /// A key of the program `till`, and of the deployment's `robot`.
    pub(super) keys: [String; 2],
    /// A link that is there to be revoked.
    pub(super) link: String,
    /// The token of a link that opens the note `linked`.
    pub(super) link_token: String,
    /// A token with which `li.wei` can set a new password.
    pub(super) reset: String,
}

/// An instant that a link may expire at.
pub(super) fn tomorrow() -> String {
    SystemClock.now().plus_millis(24 * 60 * 60 * 1_000).to_rfc3339()
}

impl Access {
    fn of(admin: &Client, root: &Client, client: &Client, store: &str) -> Self {
        let users = format!("/v1/groups/{GROUP}/users");
        let text = |value: &Value, field: &str| value[field].as_str().unwrap().to_owned();
        admin.post(&format!("/v1/groups/{GROUP}/roles"), &json!({ "name": "valet" })).ok();
        admin.post(&users, &json!({ "id": "mei.lin", "name": "林梅", "password": PASSWORD })).ok();
        admin.post(&users, &json!({ "id": "till", "name": "Till", "service": true })).ok();
        root.post("/v1/users", &json!({ "id": "robot", "name": "Robot", "service": true })).ok();
        let _ = client.sign_in(Some(GROUP), "mei.lin", PASSWORD);
        let _ = client.sign_in(None, "deputy", PASSWORD);
        let first = |who: &Client, path: &str| text(&who.get(path).ok()["items"][0], "id");
        let sessions = [first(admin, &format!("{users}/mei.lin/sessions")), first(root, "/v1/users/deputy/sessions")];
        let key = |who: &Client, path: &str| text(&who.post(path, &json!({ "name": "first" })).ok(), "id");
        let keys = [key(admin, &format!("{users}/till/keys")), key(root, "/v1/users/robot/keys")];
        let body = json!({ "record": "linked", "operations": ["probe/effects/act"], "expires": tomorrow() });
        let link = || admin.post(&format!("/v1/stores/{store}/links"), &body).ok();
        let link_token = text(&link(), "path").strip_prefix("/l/").unwrap().to_owned();
        let reset = text(&admin.post(&format!("{users}/li.wei/password-reset"), &json!({})).ok(), "token");
        Self { sessions, keys, link: text(&link(), "id"), link_token, reset }
    }
}

/// Has the guest `caller` ask for what nobody may reach, in a store, and waits until that has failed and the guest was told.
fn request(admin: &Client, store: &str) -> String {
    publish(admin, "caller");
    grant(admin, "caller", "0.1.0");
    let module = json!({ "plugin": "caller", "version": "0.1.0" });
    admin.put(&format!("/v1/stores/{store}/modules/caller"), &module).ok();
    admin
        .put(&format!("/v1/groups/{GROUP}/plugins/caller/secrets/outside-token"), &json!({ "value": "dusty-road" }))
        .ok();
    let arguments = json!({ "key": "a", "url": "https://127.0.0.1/", "secretly": false, "ending": "well" });
    let id = admin.call(store, "caller/calls/send", &arguments).ok().as_str().unwrap().to_owned();
    let failed = |request: &Value| request["id"] == id.as_str() && request["state"] == "failed";
    while !admin.all(&format!("/v1/stores/{store}/outbox")).iter().any(failed) {
        std::thread::yield_now();
    }
    id
}
