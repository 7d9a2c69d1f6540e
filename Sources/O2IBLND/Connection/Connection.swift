internal import LNet
internal import LustreWire
internal import RDMATransport
internal import Structures

/// One change of state, as the history keeps it.
package struct ConnectionChange: Equatable, Sendable, BitwiseCopyable {
  /// Nanoseconds of the loop's clock.
  package var time: UInt64
  package var old: ConnectionState
  package var new: ConnectionState
  package var event: ConnectionEvent
}

/// The CM commands that a connection still has to issue, in the order in which they go out.
struct CommandSet: OptionSet, BitwiseCopyable {
  let rawValue: UInt8
  static var prepare: CommandSet { CommandSet(rawValue: 1) }
  /// Connect or accept: only after every receive is posted.
  static var connect: CommandSet { CommandSet(rawValue: 2) }
  static var reject: CommandSet { CommandSet(rawValue: 4) }
  static var disconnect: CommandSet { CommandSet(rawValue: 8) }
  static var destroy: CommandSet { CommandSet(rawValue: 16) }
}

/// A list of indices threaded through receive slots.
struct ReceiveQueue: BitwiseCopyable {
  static var end: UInt16 { .max }
  var head = ReceiveQueue.end
  var tail = ReceiveQueue.end
  var isEmpty: Bool { head == Self.end }
}

/// Everything the driver knows of one connection. It lies in a slot that is used again.
struct Connection: BitwiseCopyable {
  static var none: Int32 { -1 }

  // Read and written by every message.
  private(set) var state = ConnectionState.free
  var isActive = false
  var isDirty = false
  var keepaliveDue = false
  /// In the ring of its peer: messages may be given to it.
  var isLinked = false
  /// A receive was flushed: the queue pair is in ERROR, nothing is written any more.
  var sawFlush = false
  /// A post was refused, so not every request will complete before *released*.
  var isUndrainable = false
  var timerIsLong = false
  var interface: UInt8 = 0
  /// LNet's number of the interface.
  var lnetInterface: UInt8 = 0
  var credits = Credits(depth: 0, highWater: 1)
  var queuePair = QueuePairHandle.none
  var generation: UInt32 = 0
  /// Work requests posted and completed on the send queue, counted round.
  var sendPosted: UInt32 = 0
  var sendCompleted: UInt32 = 0
  var sendCapacity: UInt32 = 0
  var sendsInFlight: Int32 = 0
  var unsignaled: Int32 = 0
  var inlineByteCount: UInt32 = 0
  var uncredited = TransmitQueue()
  var credited = TransmitQueue()
  var inFlight = TransmitQueue()
  var awaiting = TransmitQueue()
  /// Requests that wait for a reservation.
  var reserved = TransmitQueue()
  var localNID = NID(rawValue: 0)
  var peerNID = NID(rawValue: 0)
  var localStamp: UInt64 = 0
  var peerStamp: UInt64 = 0
  var lastSend: UInt64 = 0

  // Set-up, close, upkeep.
  var maximumFragments: UInt16 = 0
  var wantedFragments: UInt16 = 0
  var wantedDepth: UInt16 = 0
  /// Receive buffers that it has taken from the arena.
  var receiveCount: UInt16 = 0
  var postedReceives: UInt16 = 0
  var toPost = ReceiveQueue()
  /// Messages that came before *established* did.
  var early = ReceiveQueue()
  var commands = CommandSet()
  var timer: TimerID?
  var peer = Connection.none
  var nextInPeer = Connection.none
  var previousInPeer = Connection.none
  var nextDirty = Connection.none
  var request = ConnectRequestHandle(raw: 0)
  var rejectReason = RejectReason.noResources
  var closeStatus: Int32 = 0
  var closeOutcome = SendOutcome.localError
  var since: UInt64 = 0
  var history = InlineArray<16, ConnectionChange>(
    repeating: ConnectionChange(time: 0, old: .free, new: .free, event: .ready))
  private(set) var changeCount: UInt32 = 0

  /// The only way to change the state.
  mutating func setState(_ new: ConnectionState, on event: ConnectionEvent, at time: UInt64) {
    history[Int(changeCount & 15)] = ConnectionChange(
      time: time, old: state, new: new, event: event)
    changeCount &+= 1
    state = new
    since = time
  }

  /// Sends that may still be posted.
  @inline(__always)
  var sendRoom: UInt32 { sendCapacity &- (sendPosted &- sendCompleted) }
  var isSendQueueEmpty: Bool { sendPosted == sendCompleted }
  /// Something waits to be posted, or a NOOP may be due.
  @inline(__always)
  var hasQueued: Bool {
    !(uncredited.isEmpty && credited.isEmpty && reserved.isEmpty)
      || credits.owed >= credits.highWater
      || keepaliveDue
  }
  @inline(__always)
  var hasWork: Bool {
    !(uncredited.isEmpty && credited.isEmpty && inFlight.isEmpty && awaiting.isEmpty
      && reserved.isEmpty)
  }
}
