package import LustreWire
package import RDMATransport
package import Structures

/// What happened to a memory descriptor, or to a call without one.
package struct LNetEvent: Equatable, BitwiseCopyable, Sendable {
  /// The numbers of the first six are Lustre's (spec 01 §4.5).
  package enum Kind: UInt8, BitwiseCopyable, Sendable {
    /// A peer has read from the descriptor.
    case get = 1
    /// A peer has written into the descriptor.
    case put = 2
    /// The data that a GET of ours asked for has come, or will not.
    case reply = 3
    /// A peer has deposited the data of a PUT of ours.
    case acknowledge = 4
    /// The memory of a PUT or GET of ours is no longer read for sending. It says nothing of delivery.
    case send = 5
    /// The descriptor is gone, and nothing was under way with it.
    case unlink = 6
    /// A ping has ended; its result waits in `ping` when `status` is 0.
    case pinged = 16
    /// A discovery has ended.
    case discovered = 17
  }

  package var kind: Kind
  /// The last event of this descriptor.
  package var isUnlinked: Bool
  /// The interface on which the message came: where an answer must leave.
  package var interface: UInt8
  /// 0, or a negative errno.
  package var status: Int32
  /// Bytes that were asked for.
  package var requestedLength: UInt32
  /// Bytes that were moved.
  package var movedLength: UInt32
  /// Where in the descriptor.
  package var offset: UInt32
  package var initiatorPID: UInt32
  package var descriptor: DescriptorHandle
  /// The consumer's own, as given with the descriptor or the call.
  package var tag: UInt64
  package var headerData: UInt64
  package var matchBits: UInt64
  /// The primary NID of the node that began it (spec 01 §4.3, 5).
  package var initiator: NID
  /// The NID that the message came from: where an answer must go.
  package var source: NID
  /// Of a PUT into a descriptor without memory: what must be released after reading `payload`.
  package var delivery: DeliveryHandle
  /// Of a ping: its result.
  package var ping: PingHandle
  /// Of a PUT into a descriptor without memory: the bytes, where they were received.
  package var payload: BufferRef

  package init(
    kind: Kind, status: Int32 = 0, descriptor: DescriptorHandle = .none, tag: UInt64 = 0
  ) {
    self.kind = kind
    isUnlinked = false
    interface = 0
    self.status = status
    requestedLength = 0
    movedLength = 0
    offset = 0
    initiatorPID = 0
    self.descriptor = descriptor
    self.tag = tag
    headerData = 0
    matchBits = 0
    initiator = .any
    source = .any
    delivery = .none
    ping = .none
    payload = .none
  }
}

/// A received message that a consumer reads in place; it must be released.
package struct DeliveryHandle: Equatable, Hashable, BitwiseCopyable, Sendable {
  package var raw: Handle
  package init(raw: Handle) { self.raw = raw }
  package static var none: DeliveryHandle { DeliveryHandle(raw: .none) }

  @inlinable package var isNone: Bool {
    @inline(__always) get { raw.raw == .max }
  }
}

/// A ping under way, or its result.
package struct PingHandle: Equatable, Hashable, BitwiseCopyable, Sendable {
  package var raw: Handle
  package init(raw: Handle) { self.raw = raw }
  package static var none: PingHandle { PingHandle(raw: .none) }
}
