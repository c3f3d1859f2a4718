//! What did a subscriber hear? Spans with their fields, what was entered when, and events with the spans around them.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};

/// A field's value, and how it was recorded: the console tells these apart.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Str(String),
    U64(u64),
    Bool(bool),
    Other(String),
}

pub(crate) type Fields = BTreeMap<&'static str, Value>;

/// One span, from its beginning to now.
#[derive(Clone, Debug)]
pub(crate) struct SpanSeen {
    pub(crate) id: u64,
    pub(crate) name: &'static str,
    pub(crate) fields: Fields,
    /// Made as a root, not as a child of what was entered.
    pub(crate) is_root: bool,
    /// What was entered on the thread that made it.
    pub(crate) around: Vec<u64>,
    pub(crate) enters: usize,
    pub(crate) exits: usize,
    /// Entered on two threads at once, or left where it was not entered.
    pub(crate) is_torn: bool,
    handles: usize,
}

impl SpanSeen {
    pub(crate) fn is_closed(&self) -> bool {
        self.handles == 0
    }

    #[track_caller]
    pub(crate) fn text(&self, field: &str) -> &str {
        match self.fields.get(field) {
            Some(Value::Str(text)) => text,
            other => panic!("`{field}` is {other:?}, not a str, in {self:?}"),
        }
    }

    #[track_caller]
    pub(crate) fn number(&self, field: &str) -> u64 {
        match self.fields.get(field) {
            Some(Value::U64(number)) => *number,
            other => panic!("`{field}` is {other:?}, not a u64, in {self:?}"),
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct EventSeen {
    pub(crate) target: &'static str,
    pub(crate) fields: Fields,
    pub(crate) around: Vec<u64>,
}

#[derive(Default)]
struct Log {
    spans: HashMap<u64, SpanSeen>,
    events: Vec<EventSeen>,
    /// By the span's name or the event's target.
    callsites: HashMap<&'static str, HashSet<String>>,
}

static LOG: Mutex<Option<Log>> = Mutex::new(None);
type Hook = Arc<dyn Fn(&EventSeen) + Send + Sync>;

static HOOK: Mutex<Option<Hook>> = Mutex::new(None);
static PANICS: AtomicBool = AtomicBool::new(false);

thread_local! {
    static ENTERED: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

fn with_log<R>(act: impl FnOnce(&mut Log) -> R) -> R {
    act(LOG.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default())
}

fn entered() -> Vec<u64> {
    ENTERED.with_borrow(Clone::clone)
}

/// The process's subscriber: hears all whose name or target begins with `runtime`.
pub(crate) struct Recorder;

impl Recorder {
    /// Listens from now on.
    pub(crate) fn install() {
        // Every test of a binary installs it: only the first one does.
        let _installed_before = tracing::subscriber::set_global_default(Self);
    }

    /// All spans so far for which `wanted` holds, oldest first.
    pub(crate) fn spans(wanted: impl Fn(&SpanSeen) -> bool) -> Vec<SpanSeen> {
        let mut spans: Vec<_> = with_log(|log| log.spans.values().filter(|span| wanted(span)).cloned().collect());
        spans.sort_by_key(|span| span.id);
        spans
    }

    /// The span of the task with this id.
    #[track_caller]
    pub(crate) fn task(id: handover::task::Id) -> SpanSeen {
        let mut found =
            Self::spans(|span| span.fields.get("task.id") == Some(&Value::U64(id.as_u64())) && span.fields.contains_key("size.bytes"));
        assert_eq!(found.len(), 1, "task {id} has one span, and not {found:#?}");
        found.remove(0)
    }

    /// All events so far for which `wanted` holds, in order.
    pub(crate) fn events(wanted: impl Fn(&EventSeen) -> bool) -> Vec<EventSeen> {
        with_log(|log| log.events.iter().filter(|event| wanted(event)).cloned().collect())
    }

    /// How many callsites there were with this span name or event target.
    pub(crate) fn callsites(of: &str) -> usize {
        with_log(|log| log.callsites.get(of).map_or(0, HashSet::len))
    }

    /// From now on it panics whenever it is called, or no more.
    pub(crate) fn panic_always(yes: bool) {
        PANICS.store(yes, Ordering::SeqCst);
    }

    /// What it does with each event after noting it.
    pub(crate) fn on_event(act: impl Fn(&EventSeen) + Send + Sync + 'static) {
        *HOOK.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(act));
    }

    fn panic_if_asked() {
        if PANICS.load(Ordering::SeqCst) {
            std::panic::resume_unwind(Box::new("the subscriber panics on purpose"));
        }
    }
}

impl Subscriber for Recorder {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        let what = if metadata.is_span() { metadata.name() } else { metadata.target() };
        with_log(|log| log.callsites.entry(what).or_default().insert(format!("{:?}", metadata.callsite())));
        if self.enabled(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("runtime")
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        Self::panic_if_asked();
        let mut fields = Fields::new();
        attributes.record(&mut Reader(&mut fields));
        with_log(|log| {
            let id = log.spans.len() as u64 + 1;
            let seen = SpanSeen {
                id,
                name: attributes.metadata().name(),
                fields,
                is_root: attributes.is_root(),
                around: entered(),
                enters: 0,
                exits: 0,
                is_torn: false,
                handles: 1,
            };
            log.spans.insert(id, seen);
            Id::from_u64(id)
        })
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        Self::panic_if_asked();
        let mut fields = Fields::new();
        event.record(&mut Reader(&mut fields));
        let seen = EventSeen { target: event.metadata().target(), fields, around: entered() };
        with_log(|log| log.events.push(seen.clone()));
        let hook = HOOK.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(hook) = hook {
            hook(&seen);
        }
    }

    fn enter(&self, id: &Id) {
        Self::panic_if_asked();
        ENTERED.with_borrow_mut(|entered| entered.push(id.into_u64()));
        with_log(|log| {
            let span = log.spans.get_mut(&id.into_u64()).expect("it was made");
            span.is_torn |= span.enters != span.exits || span.is_closed();
            span.enters += 1;
        });
    }

    fn exit(&self, id: &Id) {
        let last = ENTERED.with_borrow_mut(Vec::pop);
        with_log(|log| {
            let span = log.spans.get_mut(&id.into_u64()).expect("it was made");
            span.is_torn |= last != Some(span.id);
            span.exits += 1;
        });
        Self::panic_if_asked();
    }

    fn clone_span(&self, id: &Id) -> Id {
        with_log(|log| log.spans.get_mut(&id.into_u64()).expect("it was made").handles += 1);
        id.clone()
    }

    fn try_close(&self, id: Id) -> bool {
        let closed = with_log(|log| {
            let span = log.spans.get_mut(&id.into_u64()).expect("it was made");
            span.handles -= 1;
            span.is_closed()
        });
        Self::panic_if_asked();
        closed
    }
}

struct Reader<'a>(&'a mut Fields);

impl Visit for Reader<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), Value::Str(value.to_owned()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name(), Value::U64(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name(), Value::Bool(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), Value::Other(format!("{value:?}")));
    }
}
