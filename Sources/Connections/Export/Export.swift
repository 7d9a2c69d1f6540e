package import LustreWire
internal import RDMATransport

/// What a target is called, and what it can do.
package struct TargetDescription: Sendable, BitwiseCopyable {
  /// As in `fsname-OST0000`.
  package var name: ObdUUID
  /// As in `fsname-OST0000_UUID`.
  package var uuid: ObdUUID
  package var traits: TargetTraits
  /// The owner's number; comes back in events.
  package var tag: UInt32 = 0

  package init(name: ObdUUID, uuid: ObdUUID, traits: TargetTraits) {
    self.name = name
    self.uuid = uuid
    self.traits = traits
  }
}

/// A target in its table.
struct Target: BitwiseCopyable {
  var description: TargetDescription
  var condition = TargetCondition.open
  var isRecovering = false
  /// Highest transaction that is durable.
  var committed: UInt64 = 0
  /// Exports, the newest first, as a list of slots.
  var firstExport = noRecord
  var exportCount: UInt32 = 0
  var silence = Silence()

  static let filler = Target(
    description: TargetDescription(
      name: ObdUUID(), uuid: ObdUUID(), traits: TargetTraits(kind: .mgs)))
}

/// An export in its table (spec 11 §8), with its reverse import (§7).
struct Export: BitwiseCopyable {
  var target: UInt32
  var client: ObdUUID
  /// Cookie A.
  var handle: Cookie
  /// Cookie B: what callbacks carry; none before the first connect.
  var clientHandle = Cookie.none
  var peer: ProcessID
  var interface: UInt8
  /// Of the last granted CONNECT; 0: never in this instance.
  var connectionCount: UInt32 = 0
  /// No request up to this XID is answered any more.
  var lastXID: UInt64 = 0
  /// Highest transaction of this client that is durable.
  var committed: UInt64 = 0
  var granted = ConnectData()
  /// Who its node says it is.
  var flavor = SecurityFlavor.null
  /// It is evicted when it falls silent (spec 12 §3.1).
  var isTimed = false
  /// Until when it may be silent, in nanoseconds; and its place among those that are timed.
  var deadline: UInt64 = 0
  var nextTimed = noRecord
  var previousTimed = noRecord
  /// It takes a place among the clients remembered over a restart.
  var takesSlot = false
  /// It has ended, and requests of it are still in progress.
  var isGone = false
  var lastRequest: UInt64
  /// Callbacks under way, as a list of slots of requests.
  var firstCallback = noRecord
  /// Locks, as a list of slots.
  var firstLock = noRecord
  var lockCount: UInt32 = 0
  /// Saved replies, the newest first, as a list of slots.
  var firstSaved = noRecord
  var next = noRecord
  var previous = noRecord

  init(target: Int, client: ObdUUID, handle: Cookie, peer: ProcessID, at now: UInt64) {
    self.target = UInt32(target)
    self.client = client
    self.handle = handle
    self.peer = peer
    interface = 0
    lastRequest = now
  }

  static let filler = Export(
    target: 0, client: ObdUUID(), handle: .none, peer: ProcessID(nid: .any), at: 0)

  var hasReplyMatchBits: Bool {
    granted.flags.contains(.secondFlags) && granted.flags2.contains(.replyMatchBits)
  }

  /// A tag's later request has the higher XID (spec 12 §6.4): else nothing follows from one that is lower.
  var hasIncreasingXIDs: Bool {
    granted.flags.contains(.secondFlags) && granted.flags2.contains(.increasingXID)
  }
}

/// An export as shown to people, and to handlers.
package struct ExportView: Sendable, BitwiseCopyable {
  package var target: TargetDescription
  package var client: ObdUUID
  package var nid: NID
  package var handle: Cookie
  package var clientHandle: Cookie
  package var connectionCount: UInt32
  package var granted: ConnectData
  package var lastRequest: UInt64
  package var committed: UInt64
  package var isTimed: Bool
  /// It takes a place among the clients remembered over a restart (spec 11 §6).
  package var takesSlot: Bool
}
