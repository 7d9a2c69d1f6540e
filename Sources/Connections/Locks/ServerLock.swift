package import LustreWire
package import Structures
internal import PtlRPC
internal import RDMATransport

/// A lock: at the server that grants it, or at the client that holds it.
package struct LockHandle: Hashable, BitwiseCopyable, Sendable {
  package var raw: Handle
  package init(raw: Handle) { self.raw = raw }
  package static var none: LockHandle { LockHandle(raw: .none) }
}

/// What there was no room for when a lock's turn came; it is tried again until there is.
struct LockDebts: OptionSet, BitwiseCopyable {
  var rawValue: UInt8

  /// The handler does not know yet that it is granted.
  static let telling = LockDebts(rawValue: 1)
  /// Its client does not know yet that it is granted.
  static let completion = LockDebts(rawValue: 2)
  /// Its client was not asked yet to give it up.
  static let blocking = LockDebts(rawValue: 4)
}

/// A client's lock in the server's table.
struct ServerLock: BitwiseCopyable {
  var target: UInt32
  var export: UInt32
  /// Cookie C: the client's name of it.
  var clientHandle: Cookie
  /// Cookie D: ours.
  var handle: Cookie
  var descriptor: LockDescriptor
  var flags: LockFlags
  /// Granted by a completion callback, which its client has not answered yet.
  var isCompleting = false
  /// The client was asked to give it up.
  var isBlocked = false
  /// The client is evicted when it has not done so by `deadline`; with debts: when they are tried again.
  var timer: TimerID?
  var deadline: UInt64 = 0
  var debts: LockDebts = []
  var callback = RequestHandle.none
  /// Order of arrival: who came first is granted first.
  var order: UInt64 = 0
  /// The number of the last departure of locks after which those that wait for its resource were looked through.
  var sweep: UInt64 = 0
  /// Locks of the same client.
  var next = noRecord
  var previous = noRecord

  static let filler = ServerLock(
    target: 0, export: noRecord, clientHandle: .none, handle: .none,
    descriptor: LockDescriptor(), flags: [])

  var isGranted: Bool { descriptor.grantedMode != .none }

  var standing: LockStanding {
    if !isGranted { return .waiting }
    if isCompleting { return .told }
    return isBlocked ? .asked : .free
  }
}

/// What became of an enqueue.
package enum EnqueueResult: Equatable, Sendable {
  case granted(LockHandle)
  /// A completion callback follows when it is granted: `lockGranted` says so, and `complete` sends it.
  case waiting(LockHandle)
  /// Refused, and answered.
  case refused(Int32)
}

/// A lock as shown to people.
package struct LockView: Sendable, BitwiseCopyable {
  package var descriptor: LockDescriptor
  package var handle: Cookie
  package var otherHandle: Cookie
  package var isBlocked: Bool
}
