//! The life of root contexts and streams: what the host calls, in Envoy's order.

use crate::abi::{Action, MapKind, Side};
use crate::contexts::{Context, Map, Root, RootId, Stream, StreamId};
use crate::error::HostError;
use crate::vm::Vm;

impl Vm {
    /// Starts a plugin: `proxy_on_context_create(root, 0)`, `proxy_on_vm_start`, `proxy_on_configure`.
    /// A second call is a configuration update: Envoy starts a new root in the same VM, and the old one
    /// lives on with its streams until [`Vm::end_root`].
    ///
    /// # Errors
    /// [`HostError::Refused`] if a callback returns false, [`HostError::Trap`], [`HostError::Dead`].
    pub fn start_root(
        &mut self,
        configuration: impl AsRef<[u8]>,
        plugin_name: &str,
    ) -> Result<RootId, HostError> {
        let configuration = configuration.as_ref();
        let id = self.new_context(Context::Root(Root {
            plugin_name: plugin_name.into(),
            configuration: Some(configuration.into()),
            ..Root::default()
        }));
        self.enter(id, "proxy_on_context_create", &[id, 0])?;
        if self.enter(id, "proxy_on_vm_start", &[id, 0])? == Some(0) {
            return Err(HostError::Refused("proxy_on_vm_start"));
        }
        let configured = self.enter(id, "proxy_on_configure", &[id, configuration.len() as u32])?;
        if let Some(root) = self.store.data_mut().root_mut(id) {
            root.configuration = None;
        }
        if configured == Some(0) { Err(HostError::Refused("proxy_on_configure")) } else { Ok(RootId(id)) }
    }

    /// Configures a root again, as Envoy does when a second listener has the same configuration.
    ///
    /// # Errors
    /// [`HostError::NoContext`], [`HostError::Refused`], [`HostError::Trap`], [`HostError::Dead`].
    pub fn configure_again(&mut self, root: RootId, configuration: &[u8]) -> Result<(), HostError> {
        let known = self.store.data_mut().root_mut(root.0).ok_or(HostError::NoContext(root.0))?;
        known.configuration = Some(configuration.into());
        let configured = self.enter(root.0, "proxy_on_configure", &[root.0, configuration.len() as u32])?;
        if configured == Some(0) { Err(HostError::Refused("proxy_on_configure")) } else { Ok(()) }
    }

    /// Ends a plugin: `proxy_on_done`, `proxy_on_delete`; its timer is gone.
    ///
    /// # Errors
    /// [`HostError::NoContext`], [`HostError::Trap`], [`HostError::Dead`].
    pub fn end_root(&mut self, root: RootId) -> Result<(), HostError> {
        self.store.data().root(root.0).ok_or(HostError::NoContext(root.0))?;
        self.enter(root.0, "proxy_on_done", &[root.0])?;
        self.enter(root.0, "proxy_on_delete", &[root.0])?;
        self.store.data_mut().contexts.remove(&root.0);
        Ok(())
    }

    /// A new stream: `proxy_on_context_create(stream, root)`.
    ///
    /// # Errors
    /// [`HostError::NoContext`], [`HostError::Trap`], [`HostError::Dead`].
    pub fn stream(&mut self, root: RootId) -> Result<StreamId, HostError> {
        self.store.data().root(root.0).ok_or(HostError::NoContext(root.0))?;
        let id = self.new_context(Context::Stream(Box::new(Stream { root: root.0, ..Stream::default() })));
        self.enter(id, "proxy_on_context_create", &[id, root.0])?;
        Ok(StreamId(id))
    }

    /// Request headers arrive: names in any case, values as bytes. `end` says that no body follows.
    /// A filter that has sent a local response pauses, whatever it returned.
    ///
    /// # Errors
    /// [`HostError::NoContext`], [`HostError::Trap`], [`HostError::Dead`].
    pub fn request_headers<V: AsRef<[u8]>>(
        &mut self,
        stream: StreamId,
        headers: &[(&str, V)],
        end: bool,
    ) -> Result<Action, HostError> {
        self.header_callback(stream, MapKind::RequestHeaders, headers, end)
    }

    /// Response headers arrive, of the upstream or of a local response.
    ///
    /// # Errors
    /// As [`Vm::request_headers`].
    pub fn response_headers<V: AsRef<[u8]>>(
        &mut self,
        stream: StreamId,
        headers: &[(&str, V)],
        end: bool,
    ) -> Result<Action, HostError> {
        self.header_callback(stream, MapKind::ResponseHeaders, headers, end)
    }

    fn header_callback<V: AsRef<[u8]>>(
        &mut self,
        stream: StreamId,
        kind: MapKind,
        headers: &[(&str, V)],
        end: bool,
    ) -> Result<Action, HostError> {
        let (callback, side) = match kind {
            MapKind::ResponseHeaders => ("proxy_on_response_headers", Side::Response),
            _ => ("proxy_on_request_headers", Side::Request),
        };
        let pairs = headers
            .iter()
            .map(|(name, value)| (name.to_ascii_lowercase().into_bytes(), value.as_ref().to_vec()))
            .collect();
        if let Some(map) = self.stream_mut(stream)?.map_mut(kind) {
            *map = Map { pairs, known: true, open: true };
        }
        let result = self.enter(stream.0, callback, &[stream.0, headers.len() as u32, u32::from(end)])?;
        let action = self.action(result);
        let stopped = self.store.data().stop;
        let stream = self.stream_mut(stream)?;
        match action {
            Action::Continue => {
                if let Some(map) = stream.map_mut(kind) {
                    map.open = false;
                }
            }
            _ if !stopped => stream.held = Some(side),
            _ => {}
        }
        Ok(action)
    }

    /// A piece of the request body arrives. Only an exported callback sees it.
    ///
    /// # Errors
    /// As [`Vm::request_headers`].
    pub fn request_body(&mut self, stream: StreamId, body: &[u8], end: bool) -> Result<Action, HostError> {
        self.body_callback(stream, Side::Request, body, end)
    }

    /// A piece of the response body arrives.
    ///
    /// # Errors
    /// As [`Vm::request_headers`].
    pub fn response_body(&mut self, stream: StreamId, body: &[u8], end: bool) -> Result<Action, HostError> {
        self.body_callback(stream, Side::Response, body, end)
    }

    fn body_callback(
        &mut self,
        stream: StreamId,
        side: Side,
        piece: &[u8],
        end: bool,
    ) -> Result<Action, HostError> {
        let callback = match side {
            Side::Request => "proxy_on_request_body",
            Side::Response => "proxy_on_response_body",
        };
        let body = self.stream_mut(stream)?.body_mut(side);
        let mut open = std::mem::take(&mut body.buffered);
        open.extend(piece);
        let arguments = [stream.0, open.len() as u32, u32::from(end)];
        body.open = Some(open);
        // With the last piece Envoy makes trailers for a filter that writes some.
        self.stream_mut(stream)?.trailers.open = end && side == Side::Response;
        let result = self.enter(stream.0, callback, &arguments)?;
        self.stream_mut(stream)?.trailers.open = false;
        self.after_body(stream, side, result)
    }

    /// The trailers arrive: `grpc-status: 0`. What is buffered for the filter is open to it.
    ///
    /// # Errors
    /// As [`Vm::request_headers`].
    pub fn response_trailers(&mut self, stream: StreamId) -> Result<Action, HostError> {
        let body = self.stream_mut(stream)?.body_mut(Side::Response);
        body.open = Some(std::mem::take(&mut body.buffered));
        let pairs = vec![(b"grpc-status".to_vec(), b"0".to_vec())];
        self.stream_mut(stream)?.trailers = Map { pairs, known: true, open: true };
        let result = self.enter(stream.0, "proxy_on_response_trailers", &[stream.0, 1])?;
        self.stream_mut(stream)?.trailers.open = false;
        self.after_body(stream, Side::Response, result)
    }

    /// Trailers of the request arrive, empty ones; they end its body.
    ///
    /// # Errors
    /// As [`Vm::request_headers`].
    pub fn request_trailers(&mut self, stream: StreamId) -> Result<Action, HostError> {
        let result = self.enter(stream.0, "proxy_on_request_trailers", &[stream.0, 0])?;
        Ok(self.action(result))
    }

    fn after_body(&mut self, stream: StreamId, side: Side, result: Option<u32>) -> Result<Action, HostError> {
        let action = match self.action(result) {
            Action::Pause if result == Some(2) => Action::Hold,
            Action::Pause if result == Some(3) => Action::Forget,
            action => action,
        };
        let body = self.stream_mut(stream)?.body_mut(side);
        let open = body.open.take().unwrap_or_default();
        match action {
            Action::Continue => {
                body.resume();
                body.passed.extend(open);
            }
            Action::Pause => {
                body.stopped = true;
                body.buffered = open;
            }
            Action::Hold => {
                body.stopped = true;
                body.held.extend(open);
            }
            Action::Forget => body.stopped = true,
        }
        Ok(action)
    }

    /// What of a body has gone on.
    ///
    /// # Errors
    /// [`HostError::NoContext`].
    pub fn passed(&mut self, stream: StreamId, side: Side) -> Result<Vec<u8>, HostError> {
        Ok(self.stream_mut(stream)?.body_mut(side).passed.clone())
    }

    /// Calls an export with contexts and numbers as they are: what no host should do, a filter survives.
    ///
    /// # Errors
    /// [`HostError::Trap`], [`HostError::Dead`].
    pub fn call_export(&mut self, export: &str, arguments: &[u32]) -> Result<Option<u32>, HostError> {
        let context = arguments.first().copied().unwrap_or_default();
        self.enter(context, export, arguments)
    }

    fn action(&self, result: Option<u32>) -> Action {
        let paused = result.is_some_and(|value| value != 0) || (result.is_some() && self.store.data().stop);
        if paused { Action::Pause } else { Action::Continue }
    }

    /// The stream is complete or its client is gone: `proxy_on_log`. Header maps can be read again.
    ///
    /// # Errors
    /// [`HostError::NoContext`], [`HostError::Trap`], [`HostError::Dead`].
    pub fn log(&mut self, stream: StreamId) -> Result<(), HostError> {
        self.stream_mut(stream)?.logging = true;
        self.enter(stream.0, "proxy_on_log", &[stream.0])?;
        self.stream_mut(stream)?.logging = false;
        Ok(())
    }

    /// The stream ends: `proxy_on_done`, `proxy_on_delete`, and its id is forgotten.
    ///
    /// # Errors
    /// [`HostError::NoContext`], [`HostError::Trap`], [`HostError::Dead`].
    pub fn delete(&mut self, stream: StreamId) -> Result<(), HostError> {
        self.delete_lingering(stream)?;
        self.store.data_mut().contexts.remove(&stream.0);
        Ok(())
    }

    /// As [`Vm::delete`], but the id stays valid for `proxy_set_effective_context`, as in Envoy for the
    /// rest of the event loop's turn. Acting on the stream is then a violation.
    ///
    /// # Errors
    /// As [`Vm::delete`].
    pub fn delete_lingering(&mut self, stream: StreamId) -> Result<(), HostError> {
        let known = self.stream_mut(stream)?;
        known.request.open = false;
        known.response.open = false;
        self.enter(stream.0, "proxy_on_done", &[stream.0])?;
        self.enter(stream.0, "proxy_on_delete", &[stream.0])?;
        self.stream_mut(stream)?.deleted = true;
        Ok(())
    }

    fn new_context(&mut self, context: Context) -> u32 {
        let id = self.next_context;
        self.next_context += 1;
        self.store.data_mut().contexts.insert(id, context);
        id
    }
}
