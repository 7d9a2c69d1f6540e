package import LustreWire
internal import PtlRPC
internal import RDMATransport
internal import Structures

/// Who an import connects, and to whom.
package struct ImportDescription: Sendable, BitwiseCopyable {
  package var proposal: Proposal
  package var target: ObdUUID
  package var client: ObdUUID
  /// The most bytes of one bulk that the owner makes.
  package var bulkByteCountMax: UInt32 = 4 << 20
  /// The owner's number; comes back in events.
  package var tag: UInt32 = 0

  package init(proposal: Proposal, target: ObdUUID, client: ObdUUID) {
    self.proposal = proposal
    self.target = target
    self.client = client
  }
}

/// An import in its table.
struct Import: BitwiseCopyable {
  var machine = ImportMachine()
  var connections = ConnectionList()
  var description: ImportDescription
  /// Cookie B: how callbacks name this import.
  var clientHandle: Cookie
  var granted = ConnectData()
  var agreement: Agreement?
  /// Its entry in the wheel, for good.
  var timer: TimerID?
  /// Nanoseconds, of the pinger; 0 for now.
  var nextPing: UInt64 = 0
  /// When the first of the requests that were asked for patience is sent again; `.max` for none.
  var nextPostponed: UInt64 = .max
  var lastReply: UInt64 = 0
  /// The CONNECT under way: until when, and whether it waits for discovery.
  var attemptDeadline: UInt64 = 0
  var isAttemptUnsent = false
  /// Its CONNECT, DISCONNECT or ping; `.none` when there is none.
  var ownRequest = RequestHandle.none
  /// The user leaves as soon as the CONNECT under way has ended.
  var closesAfterConnect = false
  /// Requests of this import, oldest first, as a list of slots.
  var firstRequest = noRecord
  var lastRequest = noRecord
  var requestCount: UInt32 = 0
  /// Highest transaction that the server has called durable.
  var committed: UInt64 = 0
  /// The NID under which it stands among the imports that are FULL; `.any` when it does not.
  var indexedNID = NID.any
  /// Locks, as a list of slots.
  var firstLock = noRecord
  var lockCount: UInt32 = 0

  static let filler = Import(
    description: ImportDescription(
      proposal: Proposal(role: .mgc), target: ObdUUID(), client: ObdUUID()),
    clientHandle: .none, timer: nil)
}

/// An import as shown to people.
package struct ImportView: Sendable, BitwiseCopyable {
  package var state: ImportState
  package var flags: ImportFlags
  package var description: ImportDescription
  package var granted: ConnectData
  package var connections: ConnectionList
  package var connectionCount: UInt32
  package var generation: UInt32
  package var remoteHandle: Cookie
  package var clientHandle: Cookie
  package var history: StateHistory
  package var requestCount: UInt32
  package var committed: UInt64
  package var lastReply: UInt64
}
