//! How fast requests may follow each other. Whole operations run in the engine suite.

use super::*;

#[tokio::test(start_paused = true)]
async fn no_more_requests_a_minute_than_allowed() {
    let pace = Pace::default();
    let begun = Instant::now();
    let wait = |product, per_minute| pace.turn(product, per_minute) - begun;
    let seconds = |n| Duration::from_secs(n);
    assert_eq!((wait(Product::GitHub, 2), wait(Product::GitHub, 2)), (seconds(0), seconds(0)));
    assert_eq!((wait(Product::GitHub, 2), wait(Product::GitHub, 2)), (seconds(60), seconds(60)));
    assert_eq!(wait(Product::GitHub, 2), seconds(120));
    assert_eq!(wait(Product::Vercel, 2), seconds(0), "each product has its own");
    tokio::time::advance(seconds(300)).await;
    assert_eq!(wait(Product::GitHub, 2), seconds(300), "what was long ago does not count");
}
