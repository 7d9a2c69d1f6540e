package import PtlRPC
package import Structures

/// One of the node's imports.
package struct ImportHandle: Hashable, BitwiseCopyable, Sendable {
  package var raw: Handle
  package init(raw: Handle) { self.raw = raw }
  package static var none: ImportHandle { ImportHandle(raw: .none) }
}

/// A client's place at one of the node's targets.
package struct ExportHandle: Hashable, BitwiseCopyable, Sendable {
  package var raw: Handle
  package init(raw: Handle) { self.raw = raw }
  package static var none: ExportHandle { ExportHandle(raw: .none) }
}

/// What the rooms above are told: 16 bytes that name an import, an export or a request.
package struct ConnectionsEvent: Equatable, BitwiseCopyable, Sendable {
  package enum Kind: UInt8, BitwiseCopyable, Sendable {
    /// An import is FULL: `status` 0. Its owner may send.
    case connected
    /// An attempt failed for good, or the import was closed; `status`: why.
    case closed
    /// An attempt failed, and more will follow; `status`: why.
    case attemptFailed
    /// The connection was lost and comes back by itself; waiting requests go then.
    case lost
    /// The server has forgotten us: requests in flight and locks are gone.
    case evicted
    /// A disconnect of an unused import is done.
    case idle
    /// A request ended with its final reply (`status` as its body's), which can be read until it is released.
    case replied
    /// A request ended without: `status` is a negative errno.
    case failed
    /// Nothing of a released request that had bulk is in use any more.
    case released
    /// A client's request is to be served: its handle; `tag` is the export's raw handle.
    case requested
    /// The bulk transfer of a handler has ended.
    case transferred
    /// The client has taken a difficult reply, or never will.
    case acknowledged
    /// A client has connected to a target for the first time, or again with its export: `tag` is 1 then.
    case exportConnected
    /// An export has ended; `status` 0: its client left; else it was evicted. Its slot is free after this event.
    case exportGone
    /// A server calls back about a lock: the handle of its request; `tag` is the import's raw handle.
    case called
    /// A lock of ours is granted; `tag` is its owner's number here and below.
    case lockHeld
    /// An enqueue ended without a lock: `status` is a negative errno, or the server's positive code.
    case lockFailed
    /// Someone else waits for a lock of ours: its owner cancels it soon.
    case lockBlocked
    /// A lock of ours is given back.
    case lockReleased
    /// The server has forgotten us, or the import is closed: the lock is gone.
    case lockLost
    /// A server asks what we know of an object: the handle of its request, to be answered at once; `tag` is the
    /// lock's raw handle.
    case glimpsed
    /// A client's waiting lock is granted: `complete` tells it. `tag` is the target.
    case lockGranted
    /// A callback to a client has ended (`status`), `tag` is its sender's.
    case calledBack
  }

  package var kind: Kind
  package var status: Int32
  package var handle: Handle
  package var tag: UInt32

  package init(_ kind: Kind, _ handle: Handle, status: Int32 = 0, tag: UInt32 = 0) {
    self.kind = kind
    self.status = status
    self.handle = handle
    self.tag = tag
  }

  package var importHandle: ImportHandle { ImportHandle(raw: handle) }
  package var exportHandle: ExportHandle { ExportHandle(raw: handle) }
  package var request: RequestHandle { RequestHandle(raw: handle) }
  package var serverRequest: ServerRequestHandle { ServerRequestHandle(raw: handle) }
}
