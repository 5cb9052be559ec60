//! Keys and changes of size, from a thread of its own: reading a terminal blocks.

use super::model::{Key, Message};
use super::poll::now_ms;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tokio::sync::mpsc::Sender;

/// Reads until nobody listens any more. A terminal that is gone is left.
pub fn listen(to: Sender<Message>) {
    std::thread::spawn(move || {
        loop {
            let message = match event::read() {
                Ok(Event::Key(event)) => key(event).map(Message::Key),
                // The next drawing asks for the size.
                Ok(Event::Resize(..)) => Some(Message::Tick(now_ms())),
                Ok(_) => None,
                Err(_) => Some(Message::Leave),
            };
            let ends = matches!(message, Some(Message::Leave));
            let Some(message) = message else { continue };
            if to.blocking_send(message).is_err() || ends {
                return;
            }
        }
    });
}

fn key(event: KeyEvent) -> Option<Key> {
    if event.kind == KeyEventKind::Release {
        return None;
    }
    Some(match event.code {
        KeyCode::Char('c') if event.modifiers.contains(KeyModifiers::CONTROL) => Key::Interrupt,
        KeyCode::Char(c) if !event.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) => {
            Key::Char(c)
        }
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Escape,
        KeyCode::BackTab | KeyCode::Up | KeyCode::Left => Key::Previous,
        KeyCode::Tab | KeyCode::Down | KeyCode::Right => Key::Next,
        _ => return None,
    })
}
