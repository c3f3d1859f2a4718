//! What is a task called?
//!
//! Few tasks have a name, so it has no place in the header: it stands in a table, from which the task's own future takes it out when it is dropped.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::task::id::Id;

/// The names of one runtime's tasks.
#[derive(Debug, Default)]
pub(crate) struct Names(Mutex<HashMap<Id, Arc<str>>>);

impl Names {
    fn with<R>(&self, act: impl FnOnce(&mut HashMap<Id, Arc<str>>) -> R) -> R {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// `task` is called so, as long as what is returned lives.
    pub(crate) fn enter(this: &Arc<Self>, task: Id, name: &str) -> Named {
        this.with(|names| names.insert(task, name.into()));
        Named { names: Arc::clone(this), task }
    }

    /// The name of a task that has one.
    pub(crate) fn get(&self, task: Id) -> Option<Arc<str>> {
        self.with(|names| names.get(&task).cloned())
    }
}

/// A name's place in the table.
#[derive(Debug)]
pub(crate) struct Named {
    names: Arc<Names>,
    task: Id,
}

impl Drop for Named {
    fn drop(&mut self) {
        self.names.with(|names| names.remove(&self.task));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_there_as_long_as_its_task_is() {
        let names = Arc::default();
        let (first, second) = (Id::next(), Id::next());
        let named = Names::enter(&names, first, "reader");
        let other = Names::enter(&names, second, "reader");
        assert_eq!(names.get(first).as_deref(), Some("reader"));
        drop(named);
        assert_eq!(names.get(first), None);
        assert_eq!(names.get(second).as_deref(), Some("reader"));
        drop(other);
        assert!(names.with(|names| names.is_empty()));
    }
}
