public import LustreWire
public import RDMATransport
public import Structures

// The seam between LNet and the drivers below it (LNDs). LNet appends messages to a fixed queue, the node
// hands each to the driver of its network; the driver reports events in its own fixed queue, and
// the node hands each to LNet. Neither calls the other: that keeps both free of generics, and a
// second driver needs no change in LNet.

/// What the headroom of a message piece must hold in front of a payload that is sent in place: the
/// o2iblnd envelope and the LNet header (spec 02 §6.1: 48 + 72).
package var lndHeadroomByteCount: Int { 120 }

/// One message on its way down.
public struct LNDMessage: BitwiseCopyable, Sendable {
  /// LNet's name of the message; the driver gives it back in exactly one `finished`.
  public var id: Handle
  /// Which of the node's NIs sends it.
  public var interface: UInt8
  /// Whom the driver connects to: the destination, or a router on the way.
  public var peer: NID
  /// **Wire:** `lnet_hdr` (spec 01 §3), which the driver puts behind its own envelope.
  public var header: LNetHeader
  /// What follows the header; `.none` for no payload. In message memory it lies in a piece of its own with
  /// `lndHeadroomByteCount` free bytes in front, and the driver sends it from there; in bulk memory it is
  /// gathered or copied when small, else written by RDMA. The memory stays LNet's: it is free after
  /// `finished`.
  public var payload: BufferRef
  /// Of a GET: where the data shall go, in bulk memory, exactly as long as it will be; `.none` when the
  /// answer must come as a REPLY message (spec 02 §6.4).
  public var sink: BufferRef

  /// Each parameter is the property of its name.
  @inlinable
  public init(
    id: Handle, interface: UInt8, peer: NID, header: LNetHeader, payload: BufferRef = .none,
    sink: BufferRef = .none
  ) {
    self.id = id
    self.interface = interface
    self.peer = peer
    self.header = header
    self.payload = payload
    self.sink = sink
  }
}

/// A message that a driver has received and holds until it is answered: its piece, its sender's credit.
public struct ReceptionID: Equatable, BitwiseCopyable, Sendable {
  /// The driver's own name of it.
  public var raw: Handle

  /// For drivers: the name of what was received.
  @inlinable
  public init(raw: Handle) { self.raw = raw }
}

/// How a send ended, as far as health and resending care (spec 01 §10.2).
public enum SendOutcome: UInt8, BitwiseCopyable, Sendable {
  case success
  case localInterrupted, localDropped, localAborted, localNoRoute, localTimeout, localError
  case remoteDropped, remoteError, remoteTimeout
  case networkTimeout
}

/// What a driver reports. Every `reception` is answered by LNet, through the node, by exactly one call.
public struct LNDEvent: BitwiseCopyable, Sendable {
  /// What has happened.
  public enum Kind: UInt8, BitwiseCopyable, Sendable {
    /// A whole message lies in `piece` (header at `headerOffset`). Answer: `consumed`.
    case immediate
    /// A PUT or REPLY whose data waits at the peer; the header lies in `piece`. Answer: `acceptPut` with
    /// the sink, or `refusePut`.
    case putRequest
    /// The data of an accepted PUT is there, or never will be (`status` < 0); `ticket` as given to
    /// `acceptPut`.
    case putDone
    /// A GET that wants its data written; the header lies in `piece`. Answer: `serveGet` with the source,
    /// or `refuseGet`.
    case getRequest
    /// The data of a served GET is at the peer, or never will be; `ticket` as given to `serveGet`.
    case getServed
    /// A message of ours (`message`) is done: nothing of it is used any more. `outcome`, `status`.
    case finished
    /// The answer to our GET (`message`) was written into its sink: `status` bytes, or a negative errno.
    /// `finished` follows.
    case getReply
    /// No connection to `peer` is left, and the last one ended with an error.
    case peerDown
    /// The peer has closed the last connection in order: it is no fault of the way to it.
    case peerLeft
  }

  /// What happened; which of the other fields count, its case says.
  public var kind: Kind
  /// Of `finished`: what health and resending make of it.
  public var outcome: SendOutcome
  /// Which of the node's NIs it happened on.
  public var interface: UInt8
  /// Where in `piece` the LNet header begins.
  public var headerOffset: UInt8
  /// A negative errno, 0, or of `getReply` a number of bytes.
  public var status: Int32
  /// Of the three kinds of reception: what the answer names.
  public var reception: ReceptionID
  /// Of `finished` and `getReply`: the `id` of our message.
  public var message: Handle
  /// Of `putDone` and `getServed`: as LNet gave it.
  public var ticket: UInt32
  /// Of a reception: where the header lies. It stays the driver's, and readable until the answer.
  public var piece: BufferRef
  /// The LND-level peer: where answers go.
  public var peer: NID

  /// Each parameter is the property of its name.
  @inlinable
  public init(
    kind: Kind, interface: UInt8 = 0, peer: NID, status: Int32 = 0,
    outcome: SendOutcome = .success, reception: ReceptionID = ReceptionID(raw: .none),
    message: Handle = .none, ticket: UInt32 = 0, piece: BufferRef = .none, headerOffset: UInt8 = 0
  ) {
    self.kind = kind
    self.outcome = outcome
    self.interface = interface
    self.headerOffset = headerOffset
    self.status = status
    self.reception = reception
    self.message = message
    self.ticket = ticket
    self.piece = piece
    self.peer = peer
  }
}

/// LNet's answer to a reception, for the node to carry to the driver.
public enum ReceptionAnswer: BitwiseCopyable, Sendable {
  /// Nothing yet: it is held on a lazy portal, or its bytes are still read. An answer follows later.
  case held
  /// IMMEDIATE: read, matched or dropped. The buffer may be posted again.
  case consumed
  /// PUT_REQ: write `sink.length` bytes there. `ticket` comes back in `putDone`.
  case acceptPut(sink: BufferRef, ticket: UInt32)
  /// PUT_REQ: no data wanted (status 0: dropped) or possible (negative errno).
  case refusePut(status: Int32)
  /// GET_REQ: these bytes are the answer. `ticket` comes back in `getServed`.
  case serveGet(source: BufferRef, ticket: UInt32)
  /// GET_REQ: nothing matched (-ENODATA) or possible (negative errno).
  case refuseGet(status: Int32)
  /// The header breaks the protocol (spec 01 §3.5): the connection must close.
  case protocolError
}
