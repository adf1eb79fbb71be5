//! Stacks: applied whole or not at all, audited, read back the same.

use opsroom::core::health::observation::Observation;
use opsroom::core::run::Transition;
use opsroom::core::run::breaker::BreakerKey;
use opsroom::core::run::plan::Target;
use opsroom::core::stack::maintenance::{Maintenance, Weekday};
use opsroom::core::stack::routine::Routine;
use opsroom::core::stack::service::{
    Action, ActionCall, Contact, Environment, Service, Sla, Stack, Verb,
};
use opsroom::core::stack::shell::ShellCommand;
use opsroom::core::stack::state::State;
use opsroom::core::stack::{Attached, Change, Delta, Owner};
use opsroom::store::{Store, StoreError};

use super::opening::sql;
use super::{Place, at};

fn new<T>(name: &str, object: T, position: u32) -> Delta<T> {
    Delta {
        name: name.into(),
        before: None,
        after: Some(object),
        position,
    }
}

fn service(name: &str) -> Service {
    let call = ActionCall::Shell(ShellCommand::Argv(vec!["./deploy.sh".into(), "a b".into()]));
    Service {
        name: name.into(),
        notes: Some("with \0 and ünïcode".into()),
        environments: vec!["prod".into()],
        sla: Some(Sla {
            uptime_pct: Some(99.9),
            latency_ms: Some(300),
            freshness_hours: None,
        }),
        actions: vec![Action {
            verb: Verb::Deploy,
            environments: vec![],
            call,
            timeout_ms: 1000,
            idempotent: false,
            secrets: vec!["DEPLOY_TOKEN".into()],
        }],
        ..Service::default()
    }
}

fn environment(name: &str) -> Environment {
    Environment {
        name: name.into(),
        aliases: vec![],
        protected: name == "prod",
        approve: None,
    }
}

fn routine(name: &str) -> Routine {
    Routine {
        name: name.into(),
        every_ms: Some(60_000),
        ..Routine::default()
    }
}

fn maintenance(name: &str) -> Maintenance {
    Maintenance {
        name: name.into(),
        days: vec![Weekday::Tuesday],
        from: "22:00".into(),
        for_ms: Some(3_600_000),
        services: vec!["web".into()],
        ..Maintenance::default()
    }
}

fn contact(name: &str) -> Contact {
    Contact {
        name: name.into(),
        email: Some("a@acme.test".into()),
        phone: None,
    }
}

async fn changed_meanwhile(store: &Store, workspace: i64, changes: &[Change]) {
    match store.apply(workspace, changes, "ana", at(9)).await {
        Err(StoreError::Database(why)) => {
            assert_eq!(why, "the stack changed meanwhile; run apply again");
        }
        other => panic!("{other:?}"),
    }
}

/// A row that cannot be read shows what is read.
pub async fn a_stack_is_read_again_only_when_it_changed(place: Place) {
    let (store, workspace) = (&place.store, place.workspace);
    let first = store.changed_stack(workspace, None).await.unwrap().unwrap();
    let added = [Change::Service(new("web", service("web"), 0))];
    store.apply(workspace, &added, "ana", at(5)).await.unwrap();
    let known = Some(first.revision);
    let second = store.changed_stack(workspace, known).await.unwrap();
    let second = second.unwrap();
    assert!(second.revision > first.revision);
    assert_eq!(second.stack.services, [service("web")]);
    sql(&place.url, "update service set body = 'damaged'").await;
    let known = Some(second.revision);
    assert_eq!(store.changed_stack(workspace, known).await.unwrap(), None);
    // A change that is refused is none.
    let ana = || Change::Contact(new("Ana", contact("Ana"), 0));
    let twice = [ana(), ana()];
    changed_meanwhile(store, workspace, &twice).await;
    assert_eq!(store.changed_stack(workspace, known).await.unwrap(), None);
    store
        .apply(workspace, &[ana()], "ana", at(6))
        .await
        .unwrap();
    let read = store.changed_stack(workspace, known).await;
    assert!(matches!(read, Err(StoreError::Database(_))), "{read:?}");
    let nowhere = store.changed_stack(99, known).await;
    assert!(matches!(nowhere, Err(StoreError::NotFound(_))));
}

pub async fn an_applied_stack_reads_the_same(place: Place) {
    let (store, workspace) = (&place.store, place.workspace);
    let empty = Stack {
        workspace: "acme".into(),
        timezone: "Europe/Berlin".into(),
        ..Stack::default()
    };
    assert_eq!(store.stack(workspace).await.unwrap(), empty);
    let changes = [
        Change::Timezone {
            before: "Europe/Berlin".into(),
            after: "UTC".into(),
        },
        Change::Environment(new("staging", environment("staging"), 1)),
        Change::Environment(new("prod", environment("prod"), 0)),
        Change::Service(new("web", service("web"), 1)),
        Change::Service(new("api", service("api"), 0)),
        // The same name in another kind is another object.
        Change::Routine(new("web", routine("web"), 0)),
        Change::Maintenance(new("patches", maintenance("patches"), 0)),
        Change::Contact(new("Ana", contact("Ana"), 0)),
    ];
    store
        .apply(workspace, &changes, "ana", at(5))
        .await
        .unwrap();
    let expected = Stack {
        workspace: "acme".into(),
        timezone: "UTC".into(),
        environments: vec![environment("prod"), environment("staging")],
        services: vec![service("api"), service("web")],
        routines: vec![routine("web")],
        maintenance: vec![maintenance("patches")],
        contacts: vec![contact("Ana")],
    };
    assert_eq!(store.stack(workspace).await.unwrap(), expected);
    let audit = store.audit(workspace, 100).await.unwrap();
    let objects: Vec<&str> = audit.iter().rev().map(|row| row.object.as_str()).collect();
    let names = [
        "timezone",
        "environment staging",
        "environment prod",
        "service web",
        "service api",
        "routine web",
        "maintenance patches",
        "contact Ana",
    ];
    assert_eq!(objects, names);
    assert!(
        audit
            .iter()
            .all(|row| row.action == "stack.apply" && row.actor == "ana" && row.at == at(5))
    );
    let audited: Service = serde_json::from_str(audit[4].after.as_deref().unwrap()).unwrap();
    assert_eq!(
        (audited, audit[4].before.as_deref()),
        (service("web"), None)
    );
    // Change one, move one, delete one.
    let owned = Service {
        owner: Some("team".into()),
        ..service("web")
    };
    let changes = [
        Change::Service(Delta {
            name: "web".into(),
            before: Some(service("web")),
            after: Some(owned.clone()),
            position: 0,
        }),
        Change::Service(Delta {
            name: "api".into(),
            before: Some(service("api")),
            after: Some(service("api")),
            position: 1,
        }),
        Change::Routine(Delta {
            name: "web".into(),
            before: Some(routine("web")),
            after: None,
            position: 0,
        }),
    ];
    store
        .apply(workspace, &changes, "bob", at(6))
        .await
        .unwrap();
    let stack = store.stack(workspace).await.unwrap();
    assert_eq!(
        (stack.services, stack.routines),
        (vec![owned, service("api")], vec![])
    );
    let last = &store.audit(workspace, 1).await.unwrap()[0];
    assert_eq!(
        (
            last.object.as_str(),
            last.before.is_some(),
            last.after.as_deref()
        ),
        ("routine web", true, None)
    );
}

pub async fn a_stack_that_changed_meanwhile_is_refused_whole(place: Place) {
    let (store, workspace) = (&place.store, place.workspace);
    store
        .apply(
            workspace,
            &[Change::Service(new("web", service("web"), 0))],
            "ana",
            at(5),
        )
        .await
        .unwrap();
    let before = (
        store.stack(workspace).await.unwrap(),
        store.audit(workspace, 9).await.unwrap(),
    );
    let other = Service {
        owner: Some("x".into()),
        ..service("web")
    };
    let good = Change::Service(new("api", service("api"), 1));
    for bad in [
        Change::Service(new("web", service("web"), 0)),
        Change::Service(Delta {
            name: "web".into(),
            before: Some(other.clone()),
            after: Some(other.clone()),
            position: 0,
        }),
        Change::Service(Delta {
            name: "web".into(),
            before: Some(other),
            after: None,
            position: 0,
        }),
        Change::Contact(Delta {
            name: "Bo".into(),
            before: Some(contact("Bo")),
            after: None,
            position: 0,
        }),
        Change::Timezone {
            before: "UTC".into(),
            after: "Asia/Tokyo".into(),
        },
        good.clone(),
    ] {
        changed_meanwhile(store, workspace, &[good.clone(), bad]).await;
        assert_eq!(
            (
                store.stack(workspace).await.unwrap(),
                store.audit(workspace, 9).await.unwrap()
            ),
            before
        );
    }
    assert!(matches!(
        store.apply(99, &[good], "ana", at(9)).await,
        Err(StoreError::NotFound(_))
    ));
    assert!(matches!(
        store.stack(99).await,
        Err(StoreError::NotFound(_))
    ));
}

pub async fn racing_appliers(place: Place) {
    let change = [
        Change::Service(new("web", service("web"), 0)),
        Change::Contact(new("Ana", contact("Ana"), 0)),
    ];
    let appliers: Vec<_> = (0..4)
        .map(|_| {
            let (store, workspace, change) = (place.store.clone(), place.workspace, change.clone());
            tokio::spawn(async move { store.apply(workspace, &change, "ana", at(5)).await })
        })
        .collect();
    let mut applied = 0;
    for applier in appliers {
        match applier.await.unwrap() {
            Ok(()) => applied += 1,
            Err(e) => assert!(e.to_string().contains("changed meanwhile"), "{e}"),
        }
    }
    assert_eq!(
        (
            applied,
            place.store.audit(place.workspace, 99).await.unwrap().len()
        ),
        (1, 2)
    );
}

pub async fn workspaces_are_made_once(place: Place) {
    let again = place
        .store
        .ensure_workspace("acme", "UTC", at(9))
        .await
        .unwrap();
    assert_eq!(
        (again.id, again.timezone.as_str()),
        (place.workspace, "Europe/Berlin"),
        "the existing one stays"
    );
    let makers: Vec<_> = (0..4)
        .map(|_| {
            let store = place.store.clone();
            tokio::spawn(async move {
                store
                    .ensure_workspace("second", "UTC", at(9))
                    .await
                    .unwrap()
            })
        })
        .collect();
    let mut made = Vec::new();
    for maker in makers {
        made.push(maker.await.unwrap());
    }
    assert!(made.iter().all(|workspace| workspace == &made[0]));
    assert_eq!(
        place.store.workspaces().await.unwrap(),
        [again, made[0].clone()]
    );
}

pub async fn dependents_of_an_object_are_counted(place: Place) {
    let claim = place.claimed().await;
    place
        .store
        .transition(claim, Transition::Start, None, &[], at(20))
        .await
        .unwrap();
    place
        .store
        .transition(claim, Transition::Fail, None, &[], at(21))
        .await
        .unwrap();
    let running = place.claimed().await;
    place.submit(super::plan("deploy")).await;
    let target = Target {
        service: "web".to_owned(),
        env: Some("staging".to_owned()),
    };
    let seen = Observation {
        target: target.clone(),
        at: at(30),
        state: State::Ok,
        latency_ms: None,
        message: String::new(),
        run: Some(running.run),
    };
    place.store.observe(place.workspace, &[seen]).await.unwrap();
    let way = BreakerKey {
        target: Some(target),
        host: "web.test".to_owned(),
    };
    let pass = place
        .store
        .admit_call(place.workspace, &way, 1000, at(30))
        .await
        .unwrap();
    place
        .store
        .record_call(place.workspace, &way, pass, Err("down"), at(30))
        .await
        .unwrap();

    let counted = Attached {
        ended: 1,
        running: 1,
        queued: 1,
        breakers: 1,
        results: 0,
        routines: Vec::new(),
    };
    let store = &place.store;
    for owner in [
        Owner::Service("web".to_owned()),
        Owner::Environment("staging".to_owned()),
    ] {
        assert_eq!(
            store.attached(place.workspace, &owner).await.unwrap(),
            counted,
            "{owner:?}"
        );
    }
    let runs_only = Attached {
        breakers: 0,
        ..counted
    };
    assert_eq!(
        store
            .attached(place.workspace, &Owner::Service("api".to_owned()))
            .await
            .unwrap(),
        runs_only
    );
    let none = store
        .attached(place.workspace, &Owner::Environment("prod".to_owned()))
        .await
        .unwrap();
    assert_eq!(none, Attached::default());
    let elsewhere = store
        .attached(place.workspace + 1, &Owner::Service("web".to_owned()))
        .await
        .unwrap();
    assert_eq!(elsewhere, Attached::default());
}
