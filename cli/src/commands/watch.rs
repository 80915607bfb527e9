//! `hookline status --watch`: a scale-out in a terminal, while it happens.

use std::io::{self, IsTerminal as _, Stdout};
use std::pin::Pin;
use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TermionBackend;
use ratatui::termion::event::Key;
use ratatui::termion::input::TermRead as _;
use ratatui::termion::raw::{IntoRawMode as _, RawTerminal};
use ratatui::termion::screen::{AlternateScreen, IntoAlternateScreen as _};
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::aws::Aws;
use crate::discover;
use crate::error::{Code, Error, Result};
use crate::judge::trouble;
use crate::judge::watch::{self, Watched};
use crate::observe;
use crate::observed::throttled;
use crate::output::watch::{View, draw};
use crate::settings::AwsSettings;

/// How long after a look the next one begins. Each makes the calls of one `status`.
const EVERY: Duration = Duration::from_secs(5);
/// How long after a look at throttled calls the next one begins. CloudWatch is a minute or two
/// behind, and charges for each metric that is read.
const THROTTLED_EVERY: Duration = Duration::from_secs(30);
/// How far back throttled calls are counted, in seconds.
const THROTTLED_IN: i64 = 300;
/// How often it is drawn, so that times go on, and the view fits a terminal that has changed its
/// size.
const REDRAW: Duration = Duration::from_secs(1);
/// How many launches a page key scrolls.
const PAGE: usize = 20;

type Screen = Terminal<TermionBackend<AlternateScreen<RawTerminal<Stdout>>>>;
/// What a look found; of throttled calls, if it looked at them.
type Found = (Watched, Option<throttled::Look>);
type Looking = Pin<Box<dyn Future<Output = Result<Found>>>>;

pub(super) async fn run(settings: &AwsSettings, stack: Option<&str>) -> Result<Code> {
    if !(io::stdout().is_terminal() && io::stdin().is_terminal()) {
        return Err(Error::NoTerminal);
    }
    let aws = Aws::connect(settings).await?;
    let stack = stack.map(str::to_owned);
    // If this fails, its error is no view's.
    let found = look(aws.clone(), stack.clone(), true).await?;
    // The terminal is as it was when this is dropped.
    let screen = io::stdout().into_raw_mode()?.into_alternate_screen()?;
    let mut screen = Terminal::new(TermionBackend::new(screen))?;
    screen.hide_cursor()?;
    let shown = show(&mut screen, &aws, stack.as_ref(), found).await;
    screen.show_cursor()?;
    shown.map(|()| Code::Success)
}

/// Rules and profiles may change while the view is open, so each look reads them too.
async fn look(aws: Aws, stack: Option<String>, at_throttled: bool) -> Result<Found> {
    let aws = aws.counting_anew();
    let deployment = discover::deployment(&aws, stack.as_deref()).await?;
    let throttled = async {
        match at_throttled {
            true => Some(observe::throttled(&aws, &deployment, THROTTLED_IN).await),
            false => None,
        }
    };
    let fleet = observe::scale_out(&aws, deployment.clone());
    let (throttled, fleet) = tokio::join!(throttled, fleet);
    let fleet = fleet?;
    Ok((watch::of(&fleet, &trouble::of(&fleet)), throttled))
}

async fn show(
    screen: &mut Screen,
    aws: &Aws,
    stack: Option<&String>,
    (mut watched, mut throttled): Found,
) -> Result<()> {
    let mut keys = keys();
    let mut ticks = interval(REDRAW);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut looked, mut looked_at_throttled) = (Instant::now(), Instant::now());
    let mut looking: Option<Looking> = None;
    let mut failed: Option<String> = None;
    let mut first = 0;
    loop {
        first = first.min(watched.launches.len().saturating_sub(1));
        let view = View {
            watched: &watched,
            throttled: throttled.as_ref(),
            now: observe::now(),
            first,
            failed: failed.as_deref(),
        };
        screen.draw(|frame| draw(frame, &view))?;
        tokio::select! {
            key = keys.recv() => match key {
                Some(Key::Down | Key::Char('j')) => first += 1,
                Some(Key::Up | Key::Char('k')) => first = first.saturating_sub(1),
                Some(Key::PageDown | Key::Char(' ')) => first += PAGE,
                Some(Key::PageUp) => first = first.saturating_sub(PAGE),
                Some(Key::Home) => first = 0,
                None | Some(Key::Char('q') | Key::Esc | Key::Ctrl('c' | 'd')) => return Ok(()),
                Some(_) => {}
            },
            answer = answer(&mut looking) => {
                (looking, looked) = (None, Instant::now());
                match answer {
                    Ok((new, at_throttled)) => {
                        (watched, failed) = (new, None);
                        throttled = at_throttled.or(throttled);
                    }
                    // The view stays, with its age.
                    Err(error) => failed = Some(format!("{error} {}", error.remedy())),
                }
            }
            _ = ticks.tick() => {
                if looking.is_none() && looked.elapsed() >= EVERY {
                    let at_throttled = looked_at_throttled.elapsed() >= THROTTLED_EVERY;
                    if at_throttled {
                        looked_at_throttled = Instant::now();
                    }
                    looking = Some(Box::pin(look(aws.clone(), stack.cloned(), at_throttled)));
                }
            }
        }
    }
}

/// What a look found. Without one, it never ends.
async fn answer(looking: &mut Option<Looking>) -> Result<Found> {
    match looking {
        Some(look) => look.await,
        None => std::future::pending().await,
    }
}

/// The keys that are pressed. They are read by a thread, which ends with the process.
fn keys() -> UnboundedReceiver<Key> {
    let (send, receive) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for key in io::stdin().keys().map_while(io::Result::ok) {
            if send.send(key).is_err() {
                return;
            }
        }
    });
    receive
}
