internal import BasicContainers
internal import LustreWire
package import RDMATransport
package import Structures

/// A message of ours from the call that asked for it until the driver is done with it.
struct MessageRecord: BitwiseCopyable {
  enum Kind: UInt8, BitwiseCopyable {
    case put, get, acknowledge, reply
  }
  enum State: UInt8, BitwiseCopyable {
    /// Waits until its peer has been discovered.
    case parked
    /// Waits for a credit: of the peer's NID, then of our interface.
    case waitsForPeer, waitsForInterface
    /// With the driver, or on its way there.
    case sent
  }

  var message: LNDMessage
  var kind: Kind
  var state = State.sent
  /// Its interface and its peer NID were prescribed: it is never sent another way.
  var isFixed = false
  /// The payload is a piece of message memory that was taken for this message.
  var ownsPayload = false
  /// A ping of a NID that is being recovered: never sent again.
  var isRecovery = false
  /// Of a GET: its data was written, or refused; what its send ends with changes nothing.
  var isAnswered = false
  var retries: UInt8 = 0
  /// How many responses had come to its descriptor when it began.
  var responseCountBefore: UInt16 = 0
  /// No resend after it.
  var deadline: UInt64
  /// Whose memory it uses; `noCell` for LNet's own.
  var descriptor: UInt32
  var hop: PeerInterfaceRef
  // Of a REPLY: for the event at the descriptor that was read.
  var offset: UInt32 = 0
  var requestedLength: UInt32 = 0
  var matchBits: UInt64 = 0
  var initiator = NID.any
  /// Neighbours in the list that it waits in, by slot.
  var next = noCell
  var previous = noCell

  @inline(__always)
  var isResponse: Bool { kind == .acknowledge || kind == .reply }
}

extension LNet {
  /// Takes a slot for a message; nil when its class has as many as it may.
  @inline(__always)
  mutating func insert(_ record: MessageRecord) -> Handle? {
    if record.isResponse {
      guard responseCount < limits.responses else { return nil }
    } else {
      guard requestCount < limits.messages else { return nil }
    }
    guard let handle = messages.insert(record) else { return nil }
    messages.cells[handle.slot].message.id = handle
    if record.isResponse { responseCount += 1 } else { requestCount += 1 }
    return handle
  }

  /// Hands a message to its driver, or to ourselves.
  mutating func dispatch(_ handle: Handle, turn: inout Turn) {
    let slot = messages.slot(handle)
    messages.cells[slot].state = .sent
    if messages.cells[slot].message.peer == .loopback {
      counters.messagesSent &+= 1
      loop(handle, turn: &turn)
      return
    }
    let hop = messages.cells[slot].hop
    let own = Int(messages.cells[slot].message.interface)
    let isResponse = messages.cells[slot].isResponse
    let isKnown = isLive(hop)
    if isKnown { peerInterfaces.cells[hop.slot].began(isResponse) }
    interfaces[own].outstanding &+= 1
    if isResponse {
      hand(handle)
    } else if isKnown, !peerInterfaces.cells[hop.slot].takeCredit(of: peerCredits) {
      wait(handle, for: .waitsForPeer)
    } else {
      admitToInterface(handle, own)
    }
  }

  @inline(__always)
  mutating func hand(_ handle: Handle) {
    counters.messagesSent &+= 1
    let isKept = outbox.append(handle)
    precondition(isKept, "the node called in without room for messages")
  }

  /// Hands the next message to a driver, where it lies: `inout` only so that it is not copied.
  package mutating func handOverMessage(_ send: (inout LNDMessage) -> Void) {
    guard let handle = outbox.popFirst() else { return }
    send(&messages.cells[messages.slot(handle)].message)
  }

  /// A driver is done with a message.
  package mutating func finished(
    _ handle: Handle, _ outcome: SendOutcome, status given: Int32, turn: inout Turn
  ) {
    precondition(messages.contains(handle), "a driver finished a message twice")
    let slot = handle.slot
    let hop = messages.cells[slot].hop
    let interface = Int(messages.cells[slot].message.interface)
    let isResponse = messages.cells[slot].isResponse
    if isLive(hop) { peerInterfaces.cells[hop.slot].ended(isResponse) }
    interfaces[interface].ended(isResponse)
    end(handle, outcome, status: given, turn: &turn)
    if !isResponse { goOn(hop, interface, turn: &turn) }
  }

  @inline(__always)
  private mutating func end(
    _ handle: Handle, _ outcome: SendOutcome, status given: Int32, turn: inout Turn
  ) {
    guard outcome != .success else {
      strengthen(ownInterface: Int(messages.cells[handle.slot].message.interface))
      complete(handle, status: 0, turn: &turn)
      return
    }
    counters.sendFailures += 1
    weaken(after: outcome, handle, turn: &turn)
    if resend(handle, after: outcome, turn: &turn) { return }
    let status = given < 0 ? given : Self.errno(of: outcome)
    complete(handle, status: status, turn: &turn)
  }

  /// Ends a message: its consumer hears of it, its slot is free.
  mutating func complete(_ handle: Handle, status: Int32, turn: inout Turn) {
    guard messages.contains(handle) else { return }
    let slot = handle.slot
    if messages.cells[slot].isResponse { responseCount -= 1 } else { requestCount -= 1 }
    if messages.cells[slot].ownsPayload {
      turn.memory.release(messages.cells[slot].message.payload)
    }
    guard messages.cells[slot].descriptor != noCell else {
      messages.free(handle)
      return
    }
    let index = Int(messages.cells[slot].descriptor)
    switch messages.cells[slot].kind {
    case .acknowledge: messages.free(handle)
    case .reply: endReply(handle, descriptor: index, status: status, turn: &turn)
    case .put, .get: endSend(handle, descriptor: index, status: status, turn: &turn)
    }
  }

  @inline(__always)
  private mutating func endSend(
    _ handle: Handle, descriptor index: Int, status: Int32, turn: inout Turn
  ) {
    if descriptors[index].message == handle { descriptors.cells[index].message = .none }
    if status != 0 { forgetResponse(of: messages[handle], descriptor: index) }
    let slot = handle.slot
    var event = makeEvent(.send, descriptor: index)
    event.status = status
    event.interface = messages.cells[slot].message.interface
    event.requestedLength = descriptors[index].length
    event.movedLength = status == 0 ? event.requestedLength : 0
    event.source = messages.cells[slot].message.header.destination.nid
    messages.free(handle)
    endUse(of: index, with: &event, turn: &turn)
  }

  private mutating func endReply(
    _ handle: Handle, descriptor index: Int, status: Int32, turn: inout Turn
  ) {
    let record = messages[handle]
    messages.free(handle)
    var event = makeEvent(.get, descriptor: index)
    event.status = status
    event.interface = record.message.interface
    event.requestedLength = record.requestedLength
    event.movedLength = status == 0 ? record.message.header.payloadLength : 0
    event.offset = record.offset
    event.matchBits = record.matchBits
    event.initiator = record.initiator
    event.initiatorPID = record.message.header.destination.pid
    event.source = record.message.header.destination.nid
    endUse(of: index, with: &event, turn: &turn)
  }

  /// The answer to a message that was not sent will not come: nobody shall wait for it.
  private mutating func forgetResponse(of record: MessageRecord, descriptor index: Int) {
    guard !record.isAnswered else { return }
    // One that came since may have been its own: then it counted already, and the others' are still to come. If it
    // was another's, the descriptor's time for responses ends the wait.
    guard descriptors[index].responseCount == record.responseCountBefore else { return }
    switch record.message.header.body {
    case .get:
      guard descriptors[index].expectedReplies > 0 else { return }
      descriptors.cells[index].expectedReplies -= 1
    case .put(let put):
      guard !put.acknowledgeHandle.isNone, descriptors[index].expectedAcknowledgements > 0 else {
        return
      }
      descriptors.cells[index].expectedAcknowledgements -= 1
    default: return
    }
    // The response counted as an operation that was to come.
    if descriptors[index].threshold > 0 { descriptors.cells[index].threshold -= 1 }
    if !descriptors[index].expectsResponse { stopExpecting(descriptor: index) }
  }

  private static func errno(of outcome: SendOutcome) -> Int32 {
    switch outcome {
    case .success: 0
    case .localTimeout, .remoteTimeout, .networkTimeout: Errno.timedOut
    case .localNoRoute, .remoteDropped: Errno.hostUnreachable
    case .localInterrupted, .localAborted, .localDropped: Errno.connectionAborted
    case .localError, .remoteError: Errno.io
    }
  }
}
