//! In which ways does handover take part?

/// Builds a variant of handover by how it makes a blocking call, and by how it is watched.
macro_rules! variant {
    ($(#[$doc:meta])* $name:ident, |$call:ident| $blocking:expr) => {
        variant!($(#[$doc])* $name, |$call| $blocking, |builder| builder, |_handle| ());
    };
    ($(#[$doc:meta])* $name:ident, |$call:ident| $blocking:expr, |$builder:ident| $built:expr, |$handle:ident| $watch:expr) => {
        $(#[$doc])*
        pub(crate) struct $name;

        impl $crate::runtimes::Runtime for $name {
            type Spawner = handover::runtime::Handle;

            fn run<F>(processors: usize, root: F) -> std::io::Result<F::Output>
            where
                F: Future<Output: Send + 'static> + Send + 'static,
            {
                let $builder = handover::runtime::Builder::new().processors(processors);
                let runtime = $built.build()?;
                let $handle = runtime.handle();
                let _watch = $watch;
                Ok(runtime.block_on(root))
            }

            fn spawn<F>(task: F) -> impl Future<Output = F::Output> + Send + 'static
            where
                F: Future<Output: Send + 'static> + Send + 'static,
            {
                let task = handover::spawn(task);
                async { task.await.expect("a task of a workload panicked") }
            }

            fn detach<F>(task: F)
            where
                F: Future<Output: Send + 'static> + Send + 'static,
            {
                drop(handover::spawn(task));
            }

            fn spawner() -> handover::runtime::Handle {
                handover::runtime::Handle::current()
            }

            fn detach_from<F>(spawner: &handover::runtime::Handle, task: F)
            where
                F: Future<Output: Send + 'static> + Send + 'static,
            {
                drop(spawner.spawn(task));
            }

            fn yield_now() -> impl Future<Output = ()> + Send {
                handover::yield_now()
            }

            async fn sleep(time: std::time::Duration) {
                handover::time::sleep(time).await;
            }

            fn blocking<T, C>($call: C) -> impl Future<Output = T> + Send
            where
                T: Send + 'static,
                C: FnOnce() -> T + Send + 'static,
            {
                $blocking
            }
        }
    };
}

pub(crate) use variant;
