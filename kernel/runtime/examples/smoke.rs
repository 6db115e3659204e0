#![allow(clippy::all, clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods, missing_docs, clippy::allow_attributes_without_reason, clippy::indexing_slicing)]
use std::sync::Arc;
use forecourt_auth::*;
use forecourt_base::*;
use forecourt_runtime::*;
use forecourt_storage::MemoryEngine;
use serde_json::json;
use std::time::Instant;

#[tokio::main]
async fn main() {
    let engine = MemoryEngine::new();
    let t = Instant::now();
    let kernel = Kernel::open(KernelOptions { storage: engine, clock: Arc::new(SystemClock), random: Arc::new(OsRandom), artefacts: None, compiler: Compiler::InProcess }).await.unwrap();
    println!("open {:?}", t.elapsed());
    let g = GroupId::new("demo").unwrap();
    let first = |u: &str| FirstAdmin { user: UserId::new(u).unwrap(), name: u.into(), password: "correct horse battery".into() };
    kernel.auth().bootstrap(&Bootstrap { group: NewGroup { id: g.clone(), name: "Demo".into(), names: Names::new() }, admin: first("admin"), deployment_admin: None }, "r").await.unwrap();
    let s = kernel.auth().sign_in(SignIn { group: Some(g.clone()), user: "admin", password: "correct horse battery", address: "127.0.0.1".parse().unwrap(), request_id: "r" }).await.unwrap();
    let p = s.principal.clone();
    let st = StoreId::new("bj01").unwrap();
    kernel.auth().create_store(forecourt_auth::Acting { principal: &p, request_id: "r" }, &g, &NewStore { id: st.clone(), name: "BJ".into(), names: Names::new(), time_zone: None }).await.unwrap();
    let p = kernel.auth().authenticate(&s.token).await.unwrap();
    let by = forecourt_runtime::Acting { principal: &p, request_id: "r" };
    let scope = Scope::store(g.clone(), st.clone());
    for path in std::env::args().skip(1).take(2) {
        let t = Instant::now();
        let bytes = std::fs::read(&path).unwrap();
        let published = kernel.publish(by, &g, bytes.into()).await.unwrap();
        println!("published {published:?} {:?}", t.elapsed());
        kernel.grant(by, &g, &published.name, &published.version, &forecourt_registry::Approval::AllRequested).await.unwrap();
        let area = Area::new(published.name.as_str()).unwrap();
        kernel.enable(by, &scope, &area, &published.name, &published.version).await.unwrap();
    }
    let p = kernel.auth().authenticate(&s.token).await.unwrap();
    let call = |op: &str, args: serde_json::Value| {
        let (kernel, p, scope) = (kernel.clone(), p.clone(), scope.clone());
        let op: OperationPath = op.parse().unwrap();
        async move { kernel.call(Call { principal: p, scope, operation: op, arguments: args, by_get: false, idempotency_key: None, request_id: "r1".into() }).await }
    };
    let ops: Vec<String> = std::env::args().skip(3).collect();
    for pair in ops.chunks(2) {
        let t = Instant::now();
        let r = call(&pair[0], serde_json::from_str(&pair[1]).unwrap()).await;
        println!("{} {:?} {:?}", pair[0], r, t.elapsed());
    }
    if let Some(pair) = ops.chunks(2).last() {
        let a: serde_json::Value = serde_json::from_str(&pair[1]).unwrap();
        for _ in 0..3 {
            let t = Instant::now();
            for _ in 0..2000 { let _ = call(&pair[0], a.clone()).await; }
            println!("{} {:?} per call", pair[0], t.elapsed() / 2000);
        }
    }
    println!("{}", json!({"ok": true}));
}
