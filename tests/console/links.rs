//! Links: which cells lead to which address.

use std::sync::Arc;

use opsroom::core::run::artifact::ArtifactKind;
use opsroom::tui::link::Links;
use opsroom::tui::view;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::screen::Console;
use super::world::World;

/// The texts on screen that lead somewhere, with their addresses.
fn links(console: &Console) -> Vec<(String, String)> {
    let (width, height) = console.app.size;
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a test terminal");
    let mut links = Links::default();
    terminal
        .draw(|frame| links = view::draw(&console.app, frame))
        .expect("a frame");
    let screen = terminal.backend().buffer();
    let mut found: Vec<(String, String)> = Vec::new();
    let mut before = None;
    for cell in &screen.content {
        let address = links.address(cell.underline_color).map(str::to_owned);
        match (&address, found.last_mut()) {
            (Some(_), Some((text, _))) if address == before => text.push_str(cell.symbol()),
            (Some(to), _) => found.push((cell.symbol().to_owned(), to.clone())),
            (None, _) => {}
        }
        before = address;
    }
    found
}

fn pair(text: &str, address: &str) -> (String, String) {
    (text.to_owned(), address.to_owned())
}

#[test]
fn whole_addresses_of_a_service_lead_there() {
    let mut world = World::default();
    let mut stack = (*world.overview.stack).clone();
    let long = format!("https://docs.acme.test/{}", "path/".repeat(30));
    stack.services[2].links = [
        ("dashboard", "https://grafana.acme.test/d/search?a=1"),
        ("docs", long.as_str()),
        ("shell", "ssh://search.acme.test"),
    ]
    .map(|(name, url)| (name.to_owned(), url.to_owned()))
    .into_iter()
    .collect();
    world.overview.stack = Arc::new(stack);
    let mut console = Console::new(world);
    console.press("Enter").shows(" Service search ").press("G");
    let dashboard = "https://grafana.acme.test/d/search?a=1";
    console.shows(dashboard);
    assert!(links(&console).contains(&pair(dashboard, dashboard)));
    let known = |(_, to): &(String, String)| to == dashboard || to.starts_with("http://search");
    assert!(links(&console).iter().all(known), "{:?}", links(&console));
}

#[test]
fn the_title_of_an_artifact_leads_to_its_address() {
    let mut world = World::default();
    let artifact = &mut world.detail.artifacts[0];
    artifact.kind = ArtifactKind::Link;
    artifact.title = "pull 7".to_owned();
    artifact.url = Some("https://git.acme.test/pull/7".to_owned());
    let mut console = Console::new(world);
    console.press("3 Enter").shows("pull 7");
    assert_eq!(
        links(&console),
        [pair("pull 7", "https://git.acme.test/pull/7")]
    );
    console.world.detail.artifacts[0].url = Some("javascript:alert(1)".to_owned());
    console.press("Ctrl-R");
    assert_eq!(links(&console), []);
}
