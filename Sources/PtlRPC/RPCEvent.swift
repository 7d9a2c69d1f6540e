package import Structures

/// A request of ours: from `begin` until it is released and nothing of it is on the wire.
package struct RequestHandle: Hashable, BitwiseCopyable, Sendable {
  package var raw: Handle
  package init(raw: Handle) { self.raw = raw }
  package static var none: RequestHandle { RequestHandle(raw: .none) }
}

/// A request that a peer has sent: from its arrival until it is dropped, or answered and the answer is sent.
package struct ServerRequestHandle: Hashable, BitwiseCopyable, Sendable {
  package var raw: Handle
  package init(raw: Handle) { self.raw = raw }
  package static var none: ServerRequestHandle { ServerRequestHandle(raw: .none) }
}

/// What the rooms above are told: 16 bytes that name a request.
package struct RPCEvent: Equatable, BitwiseCopyable, Sendable {
  package enum Kind: UInt8, BitwiseCopyable, Sendable {
    /// The final reply of our request is there, with its bulk. `status` as spec 10 §5.1 has it.
    case replied
    /// The deadline has passed without one. The request may be sent again, or released.
    case timedOut
    /// The attempt failed: it could not be sent, the reply makes no sense, or its bulk failed. `status`: why.
    case failed
    /// Nothing of a released request that had bulk is in use any more: the memory is its owner's again.
    case released
    /// A peer's request has passed the checks of spec 10 §2.2: it must be admitted, refused or dropped.
    case arrived
    /// An admitted request's turn has come: it must be answered or dropped.
    case ready
    /// The peer's LNet has acknowledged a difficult reply, or will not (`status`).
    case acknowledged
    /// The bulk transfer that a handler started has ended; with an error no reply may be sent (spec 13 §5.6).
    case transferred
  }

  package var kind: Kind
  /// Errors are negative errno of the wire's numbering.
  package var status: Int32
  /// The request's handle.
  package var handle: Handle
  /// Of our request: its owner's number. Of a peer's: the service.
  package var tag: UInt32

  package init(_ kind: Kind, _ handle: Handle, status: Int32 = 0, tag: UInt32 = 0) {
    self.kind = kind
    self.status = status
    self.handle = handle
    self.tag = tag
  }

  package var request: RequestHandle { RequestHandle(raw: handle) }
  package var serverRequest: ServerRequestHandle { ServerRequestHandle(raw: handle) }
}

/// Why a call was refused. Nothing has been done, and no event follows.
package enum RPCError: Error, Equatable, BitwiseCopyable, Sendable {
  /// A table or the node's memory is used up; try again after some events.
  case busy
  /// The message or its bulk is longer than the protocol allows.
  case tooLong
}
