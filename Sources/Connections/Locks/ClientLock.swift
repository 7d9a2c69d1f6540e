package import LustreWire
internal import PtlRPC

/// A lock that one of our imports holds or wants.
struct ClientLock: BitwiseCopyable {
  enum State: UInt8, BitwiseCopyable {
    /// Its enqueue is not answered.
    case asked
    /// The server will call back when it is granted.
    case waiting
    case granted
    /// Its cancel is not answered.
    case cancelling
  }

  var state = State.asked
  var owner: UInt32
  var descriptor: LockDescriptor
  /// Cookie C: ours.
  var handle: Cookie
  /// Cookie D: the server's; none until it is known.
  var serverHandle = Cookie.none
  /// Someone else waits for it.
  var isBlocked = false
  var request = RequestHandle.none
  /// The owner's number.
  var tag: UInt32
  var next = noRecord
  var previous = noRecord

  static let filler = ClientLock(
    owner: noRecord, descriptor: LockDescriptor(), handle: .none, tag: 0)
}

/// What is asked for with a lock.
package struct LockWish: Sendable, BitwiseCopyable {
  package var descriptor: LockDescriptor
  package var flags: LockFlags = []
  /// Bytes that the lock's value may have in the reply: an object's, or none.
  package var valueByteCount = 0

  /// A configuration lock (spec 11 §11).
  package init(configuration name: String, kind: ConfigurationLock) {
    descriptor = LockDescriptor()
    descriptor.type = .plain
    descriptor.resource = ResourceID(configuration: name, kind: kind)
    descriptor.requestedMode = .concurrentRead
  }

  /// A lock on a part of an object.
  package init(
    object resource: ResourceID, mode: LockMode, extent first: UInt64 = 0,
    through last: UInt64 = .max
  ) {
    descriptor = LockDescriptor()
    descriptor.type = .extent
    descriptor.resource = resource
    descriptor.requestedMode = mode
    descriptor.policy = LockPolicy(extent: first, through: last)
    valueByteCount = ObjectLockValue.byteCount
  }
}
