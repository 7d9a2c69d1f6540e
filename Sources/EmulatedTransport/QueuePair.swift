internal import RDMATransport
internal import Structures

/// A receive that its owner posted; kept privately, since a peer could overwrite what it shares.
struct PostedReceive: BitwiseCopyable {
  var id: UInt64
  var length: UInt32
  /// In our segment, if its key is good.
  var offset: Int
}

/// What the message path knows of a queue pair.
struct QueuePair: ~Copyable {
  enum State: UInt8, BitwiseCopyable {
    /// Not in use, or in use no more but still open to its peer.
    case free
    /// Takes receives (INIT).
    case ready
    /// Takes sends too, but holds them until the peer says that it is there.
    case accepted
    /// RTS.
    case connected
    case error
  }

  /// The slot and its present generation.
  var handle: Handle
  var state = State.free
  var link: Int32 = -1
  /// Offset of the peer's queue pair in its segment; 0 as long as it is unknown.
  var remote = 0
  var remoteHandle = Handle.none
  /// What the peer's state word must say for us to send.
  var remoteState: UInt32 = 0
  var remoteRing = 0
  var remoteMask: UInt32 = 0
  /// The next receive of the peer that we take, and how many it had posted when we last looked.
  var remoteHead: UInt32 = 0
  var remoteTail: UInt32 = 0

  /// Our own receive ring in our segment, and how much of it is filled.
  var receiveRing = 0
  var receiveTail: UInt32 = 0
  var receives = Ring<PostedReceive>(minimumCapacity: 1)
  var receiveCapacity = 0

  /// Sends that wait for a receive, for room, or for the connection; in order.
  var sends = Ring<SendRequest>(minimumCapacity: 1)
  var sendCapacity = 0
  /// Completions of sends that have not been polled yet.
  var unpolled = 0
  /// READs that both sides allow us; 0 for none.
  var initiatorDepth: UInt8 = 0

  /// Place in the list of queue pairs that hold sends; -1 for none.
  var heldIndex: Int32 = -1
  /// When a held send fails, in nanoseconds; 0: what it waits for has no end, or nothing is held.
  var holdDeadline: UInt64 = 0
  var holdReason = HoldReason.none
  var receiverNotReadyRetryCount: UInt8 = 7
  var retryCount: UInt8 = 7

  /// Place in the list of queue pairs in ERROR with something left to do; -1 for none.
  var flushIndex: Int32 = -1
  /// The peer writes no more into this queue pair's buffers.
  var isPeerOut = false
  /// When the peer must have stopped writing, in nanoseconds; 0 as long as nobody waits for that.
  var peerOutDeadline: UInt64 = 0
  /// Completions of the link up to here come before the flushed receives.
  var flushAfter: UInt32 = 0

  init(handle: Handle) { self.handle = handle }
}

/// What the first held send of a queue pair waits for.
enum HoldReason: UInt8, BitwiseCopyable {
  case none
  /// A receive at the peer.
  case receive
  /// Room among the completions at the peer: it has not polled for long.
  case room
  /// The peer's queue pair, which is closed while its message about that is on the way.
  case peer
}

/// What the connection manager knows of a queue pair, by the same slot.
struct Connection {
  enum Phase: UInt8 {
    case free
    /// Waits for a link to the peer.
    case resolving
    case prepared
    case requested
    /// Has taken on a connect request.
    case answering
    case accepted
    case established
    /// We asked for the end and wait for the answer.
    case disconnecting
    case disconnected
    case failed
  }

  /// Messages that wait for room, in the order in which they go out.
  struct Outbox: OptionSet {
    let rawValue: UInt8
    static var request: Outbox { Outbox(rawValue: 1) }
    static var reply: Outbox { Outbox(rawValue: 2) }
    static var ready: Outbox { Outbox(rawValue: 4) }
    static var reject: Outbox { Outbox(rawValue: 8) }
    static var withdraw: Outbox { Outbox(rawValue: 16) }
    static var disconnect: Outbox { Outbox(rawValue: 32) }
  }

  var owner: CMOwner = 0
  var phase = Phase.free
  var isActive = false
  /// The owner said `destroy`; *released* follows.
  var isDestroyed = false
  /// The owner has its *released*; the slot waits for its peer.
  var isReleased = false
  /// The peer has been told of our queue pair and may write to it.
  var isKnownToPeer = false
  var outbox: Outbox = []
  var isInOutboxList = false
  var attributes = QueuePairAttributes(sendCapacity: 0, receiveCapacity: 0)
  var local = SocketAddress(ipv4: 0, port: 0)
  var remote = SocketAddress(ipv4: 0, port: 0)
  var privateData = PrivateData()
  var timing = ConnectTiming()
  /// When the present step began, and when it fails; nanoseconds, 0 for never.
  var began: UInt64 = 0
  var deadline: UInt64 = 0
  var timedIndex: Int32 = -1
}

/// A connect request that waits for an answer.
struct PendingRequest {
  var isLive = false
  var generation: UInt32 = 0
  var link: Int32 = -1
  var peer = Handle.none
  var source = SocketAddress(ipv4: 0, port: 0)
  var destination = SocketAddress(ipv4: 0, port: 0)
  var responderResources: UInt8 = 0
  var initiatorDepth: UInt8 = 0
}

struct Listener {
  var owner: CMOwner
  /// At address 0 it listens on all of the node.
  var address: SocketAddress

  func takes(_ destination: SocketAddress) -> Bool {
    address.port == destination.port && (address.ipv4 == 0 || address.ipv4 == destination.ipv4)
  }
}

/// Registered memory.
struct Region: BitwiseCopyable {
  var key: UInt32 = 0
  var generation: UInt32 = 0
  var offset: UInt64 = 0
  var byteCount: UInt64 = 0
  var access = MemoryAccess()
}
