//! A deployment in memory for tests: group `huadong` with stores `bj01` and `sh01`, its admin, and the deployment's admin.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use forecourt_base::{GroupId, ManualClock, RoleName, Scope, SeededRandom, StoreId, Timestamp, UserId};
use forecourt_storage::{Engine, MemoryEngine, Mode, Transaction};

use crate::{
    Acting, Assignment, Auth, AuthError, Bootstrap, FirstAdmin, Names, NewGroup, NewSession, NewStore, NewUser,
    PasswordCost, Principal, SignIn,
};

pub(crate) const PASSWORD: &str = "correct horse battery";
pub(crate) const REQUEST: &str = "req-1";
pub(crate) const HOME: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

pub(crate) struct Deployment {
    pub(crate) auth: Arc<Auth>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) engine: Arc<dyn Engine>,
}

pub(crate) fn group(id: &str) -> GroupId {
    GroupId::new(id).unwrap()
}

pub(crate) fn store(id: &str) -> StoreId {
    StoreId::new(id).unwrap()
}

pub(crate) fn user(id: &str) -> UserId {
    UserId::new(id).unwrap()
}

pub(crate) fn role(name: &str) -> RoleName {
    RoleName::new(name).unwrap()
}

pub(crate) fn huadong() -> GroupId {
    group("huadong")
}

pub(crate) fn bj01() -> Scope {
    Scope::store(huadong(), store("bj01"))
}

/// `advisor@bj01 auditor@*` as assignments.
pub(crate) fn given(text: &str) -> Vec<Assignment> {
    text.split_whitespace()
        .map(|part| {
            let (name, at) = part.split_once('@').unwrap();
            Assignment { role: role(name), store: (at != "*").then(|| store(at)) }
        })
        .collect()
}

pub(crate) fn first(id: &str) -> FirstAdmin {
    FirstAdmin { user: user(id), name: id.to_owned(), password: PASSWORD.to_owned() }
}

pub(crate) fn new_group(id: &str) -> NewGroup {
    NewGroup { id: group(id), name: id.to_owned(), names: Names::new() }
}

pub(crate) fn new_store(id: &str) -> NewStore {
    NewStore { id: store(id), name: id.to_owned(), names: Names::new(), time_zone: None }
}

pub(crate) fn new_user(id: &str, roles: &str) -> NewUser {
    NewUser {
        id: user(id),
        name: "李伟".to_owned(),
        password: PASSWORD.to_owned(),
        roles: given(roles),
        departments: vec!["service".to_owned()],
    }
}

pub(crate) fn acting(principal: &Principal) -> Acting<'_> {
    Acting { principal, request_id: REQUEST }
}

impl Deployment {
    pub(crate) fn empty() -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_768_000_000_000)));
        let engine = MemoryEngine::new();
        let cost = PasswordCost::new(8, 1, 1).unwrap();
        let random = Arc::new(SeededRandom::new(3));
        let auth = Auth::with_password_cost(Arc::clone(&engine), Arc::clone(&clock) as _, random, cost).unwrap();
        Self { auth: Arc::new(auth), clock, engine }
    }

    pub(crate) async fn begun() -> Self {
        let deployment = Self::empty();
        let bootstrap =
            Bootstrap { group: new_group("huadong"), admin: first("admin"), deployment_admin: Some(first("root")) };
        deployment.auth.bootstrap(&bootstrap, REQUEST).await.unwrap();
        let admin = deployment.principal("admin").await;
        for id in ["bj01", "sh01"] {
            deployment.auth.create_store(acting(&admin), &huadong(), &new_store(id)).await.unwrap();
        }
        deployment
    }

    pub(crate) async fn try_sign_in(&self, user: &str, password: &str) -> Result<NewSession, AuthError> {
        let group = (user != "root").then(huadong);
        self.auth.sign_in(SignIn { group, user, password, address: HOME, request_id: REQUEST }).await
    }

    pub(crate) async fn sign_in(&self, user: &str) -> NewSession {
        self.try_sign_in(user, PASSWORD).await.unwrap()
    }

    pub(crate) async fn principal(&self, user: &str) -> Arc<Principal> {
        self.sign_in(user).await.principal
    }

    /// Makes a user of `huadong` and signs him in.
    pub(crate) async fn person(&self, id: &str, roles: &str) -> NewSession {
        let admin = self.principal("admin").await;
        self.auth.create_user(acting(&admin), Some(&huadong()), &new_user(id, roles)).await.unwrap();
        self.sign_in(id).await
    }

    pub(crate) fn begin(&self, mode: Mode) -> Transaction {
        Transaction::begin(&self.engine, Some(huadong()), mode).unwrap()
    }
}
