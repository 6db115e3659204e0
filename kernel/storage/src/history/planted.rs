//! Anomalies planted on purpose, each by a schedule that makes it happen: the checker must find it on the faulty engine, and nothing on the right one.

use std::sync::{Arc, Mutex};

use forecourt_checker::{Anomaly, Name, check};

use crate::history::client::{Client, How, Put};
use crate::history::faulty::{Fault, Faulty, Meanwhile, interrupted};
use crate::history::world::World;
use crate::{Engine, MemoryEngine, Mode, StorageError};

/// Does what it can, as far as the engine does not refuse it.
macro_rules! attempt {
    ($($act:expr),+) => {
        async { $($act.await?;)+ Ok::<(), StorageError>(()) }.await
    };
}

fn reader(world: &World) -> Client<'_> {
    Client::begin(world, Mode::ReadOnly)
}

fn writer(world: &World) -> Client<'_> {
    Client::begin(world, Mode::ReadWrite)
}

/// What the checker says of what happened; nothing where all is well.
async fn found(world: &World) -> Option<Name> {
    let anomalies: Vec<Anomaly> = check(&world.finish().await).err()?;
    assert!(!anomalies[0].real_time, "{}", anomalies[0]);
    Some(anomalies[0].name)
}

/// Ends it, by a commit where nothing was refused before.
async fn end(client: Client<'_>, result: Result<(), StorageError>) {
    match result {
        Ok(()) => {
            client.commit().await;
        }
        Err(StorageError::Conflict) => client.leave(forecourt_checker::Outcome::Aborted),
        Err(error) => panic!("{error}"),
    }
}

/// Two find a range empty, and each puts something into it.
async fn phantom(engine: Arc<dyn Engine>, indexed: bool) -> Option<Name> {
    let world = World::new(engine);
    let (mut one, mut two) = (writer(&world), writer(&world));
    let how = How { indexed, ..How::all() };
    attempt!(one.range(0, 8, &how), one.append(1, Put::default())).unwrap();
    attempt!(two.range(0, 8, &how), two.append(2, Put::default())).unwrap();
    end(one, Ok(())).await;
    end(two, Ok(())).await;
    found(&world).await
}

#[tokio::test]
async fn without_a_check_of_ranges_a_phantom_is_found() {
    for indexed in [false, true] {
        assert_eq!(phantom(Faulty::engine(Fault::NoRangeCheck), indexed).await, Some(Name::Phantom));
        assert_eq!(phantom(MemoryEngine::new(), indexed).await, None);
    }
}

/// Each appends where the other has looked.
async fn write_skew(engine: Arc<dyn Engine>) -> Option<Name> {
    let world = World::new(engine);
    let (mut one, mut two) = (writer(&world), writer(&world));
    attempt!(one.read(1), one.append(2, Put::default())).unwrap();
    attempt!(two.read(2), two.append(1, Put::default())).unwrap();
    end(one, Ok(())).await;
    end(two, Ok(())).await;
    found(&world).await
}

/// A withdrawal that has not seen a deposit, and a customer who has seen the deposit without the withdrawal (Fekete, O'Neil and O'Neil, 2004).
async fn read_only(engine: Arc<dyn Engine>) -> Option<Name> {
    let world = World::new(engine);
    let (mut withdrawal, mut deposit) = (writer(&world), writer(&world));
    let withdrawn = attempt!(withdrawal.read(1), withdrawal.read(2));
    let deposited = attempt!(deposit.append(2, Put::default()));
    end(deposit, deposited).await;
    let mut customer = reader(&world);
    let looked = attempt!(customer.read(1), customer.read(2));
    end(customer, looked).await;
    let withdrawn = match withdrawn {
        Ok(()) => attempt!(withdrawal.append(1, Put::default())),
        refused => refused,
    };
    end(withdrawal, withdrawn).await;
    found(&world).await
}

#[tokio::test]
async fn under_snapshot_isolation_a_write_skew_and_the_read_only_anomaly_are_found() {
    assert_eq!(write_skew(Faulty::engine(Fault::SnapshotIsolation)).await, Some(Name::WriteSkew));
    assert_eq!(read_only(Faulty::engine(Fault::SnapshotIsolation)).await, Some(Name::ReadOnly));
    assert_eq!(write_skew(MemoryEngine::new()).await, None);
    assert_eq!(read_only(MemoryEngine::new()).await, None);
}

/// A reader that began before a commit to two lists reads one of them in the midst of it, and the other when it is done.
async fn read_skew(late: bool) -> Option<Name> {
    let meanwhile = Meanwhile::default();
    // Leaked, because the client goes to another thread and comes back.
    let world: &'static World = Box::leak(Box::new(World::new(interrupted(late, &meanwhile))));
    let mut early = reader(world);
    let looked = Arc::new(Mutex::new(None));
    let handed = Arc::clone(&looked);
    *meanwhile.lock().unwrap() = Some(Box::new(move || {
        let look = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(early.read(1)).unwrap();
            *handed.lock().unwrap() = Some(early);
        };
        std::thread::spawn(look).join().unwrap();
    }));
    let mut both = writer(world);
    attempt!(both.append(1, Put::default()), both.append(2, Put::default())).unwrap();
    end(both, Ok(())).await;
    let mut early = looked.lock().unwrap().take().unwrap();
    early.read(2).await.unwrap();
    end(early, Ok(())).await;
    found(world).await
}

#[tokio::test]
async fn with_late_undo_images_a_read_skew_is_found() {
    assert_eq!(read_skew(true).await, Some(Name::ReadSkew));
    assert_eq!(read_skew(false).await, None);
}
