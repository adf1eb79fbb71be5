//! Parts that need no server; whole statements run in the engine suite, on both databases.

use super::*;

fn select(mutates: bool) -> Sql {
    Sql {
        database: "shop".to_owned(),
        place: String::new(),
        statement: "select 1".to_owned(),
        params: vec![],
        mutates,
        max_rows: 1,
    }
}

#[test]
fn duplicate_column_names_get_numbers() {
    let names = ["id", "name", "id", "id_2", "id"].map(str::to_owned);
    assert_eq!(
        distinct(names.into_iter()),
        ["id", "name", "id_2", "id_2_2", "id_3"]
    );
}

#[test]
fn rows_are_kept_up_to_the_limits() {
    let mut few = Gathered::new(vec!["a".to_owned()], 2);
    let took: Vec<bool> = (0..3).map(|n| few.take(vec![n.into()])).collect();
    assert_eq!(
        (took, few.rows.rows.len(), few.rows.truncated),
        (vec![true, true, false], 2, true)
    );
    let mut large = Gathered::new(vec!["a".to_owned()], 100);
    assert!(large.take(vec!["x".repeat(MAX_BYTES).into()]));
    assert!(!large.take(vec!["x".into()]) && large.rows.truncated);
    let mut nested = Gathered::new(vec!["a".to_owned()], 100);
    let document = || serde_json::json!({ "list": ["x".repeat(MAX_BYTES / 2)] });
    assert!(
        nested.take(vec![document()]) && !nested.take(vec![document()]),
        "nested values count"
    );
}

/// The secret never arrives: the stop comes while it is being fetched.
#[tokio::test]
async fn fetching_a_secret_does_not_delay_a_stop() {
    use crate::core::base::secret::{Secret, Source};
    use crate::core::integration::Integrations;
    use crate::vault::Vault;
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("fetched");
    let script = format!("touch {}; sleep 60", mark.display());
    let source = Source::Command(["sh", "-c", &script].map(str::to_owned).to_vec());
    let secret = Secret {
        name: "URL".to_owned(),
        source,
        hosts: vec![],
    };
    let database = Database {
        name: "shop".to_owned(),
        place: DatabaseAddress::Secret("URL".to_owned()),
        password: None,
        read_only: true,
    };
    let integrations = Integrations {
        databases: vec![database],
        ..Integrations::default()
    };
    let context = AdapterContext {
        integrations,
        vault: Vault::new(vec![secret]),
        ..AdapterContext::default()
    };
    let what = select(false);
    let cancel = CancellationToken::new();
    let stop = async {
        while !mark.exists() {
            tokio::task::yield_now().await;
        }
        cancel.cancel();
    };
    let (reply, ()) = tokio::join!(
        perform(what, &context, 60_000, mpsc::channel(1).0, cancel.clone()),
        stop
    );
    assert_eq!(reply, cancelled());
}

#[tokio::test]
async fn undeclared_and_read_only_databases_are_refused() {
    use crate::core::integration::Integrations;
    let database = |read_only| Database {
        name: "shop".to_owned(),
        place: DatabaseAddress::Sqlite("/nowhere/shop.db".to_owned()),
        password: None,
        read_only,
    };
    let context = |databases| AdapterContext {
        integrations: Integrations {
            databases,
            ..Integrations::default()
        },
        ..AdapterContext::default()
    };
    let ask = async |context: AdapterContext, write| {
        perform(
            select(write),
            &context,
            1000,
            mpsc::channel(1).0,
            CancellationToken::new(),
        )
        .await
    };
    for (context, write, why) in [
        (context(vec![]), false, "add [database.shop]"),
        (context(vec![database(true)]), true, "say read_only = false"),
    ] {
        assert!(check(&select(write), &context).unwrap_err().contains(why));
        match ask(context, write).await {
            Reply::Refused { message, .. } => assert!(message.contains(why), "{message}"),
            other => panic!("{other:?}"),
        }
    }
    match ask(context(vec![database(false)]), true).await {
        Reply::Declined {
            message,
            again: false,
        } => assert!(message.contains("/nowhere/shop.db"), "{message}"),
        other => panic!("{other:?}"),
    }
}
