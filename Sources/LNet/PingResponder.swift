internal import LustreWire
internal import RDMATransport
internal import Structures

// Portal 0, GET: every pinger is answered, even one that is unknown (spec 01 §6.1).
extension LNet {
  mutating func answerPing(
    _ reception: Reception, _ get: LNetGet, turn: inout Turn
  ) -> ReceptionAnswer {
    guard get.matchBits == LNetLimits.pingMatchBits else {
      counters.droppedNoMatch += 1
      return reception.refusal()
    }
    guard let piece = turn.memory.messages.allocatePiece() else {
      counters.droppedNoMemory += 1
      note(.noMemory, reception.peer, UInt64(ownInfo.byteCount), at: turn.now)
      return reception.refusal(Errno.noMemory)
    }
    let whole = writeOwnInfo(into: piece, turn: &turn)
    // The descriptor of a real node is remotely managed and truncates (spec 01 §6.1).
    let offset = min(Int(get.sourceOffset), Int(whole.length))
    let length = min(Int(get.sinkLength), Int(whole.length) - offset)
    let payload = length == 0 ? BufferRef.none : whole.part(offset: offset, length: length)
    if reception.carrier == .getRequest {
      var operation = Operation(
        kind: .get, reception: reception, descriptor: noCell, offset: UInt32(offset),
        moved: UInt32(length))
      operation.run = piece
      guard let ticket = operations.insert(operation) else {
        turn.memory.release(piece)
        counters.droppedNoSlot += 1
        return reception.refusal(Errno.noMemory)
      }
      counters.pingsAnswered += 1
      return .serveGet(source: payload, ticket: ticket.raw)
    }
    var record = response(
      to: reception, kind: .reply,
      body: .reply(LNetReply(destinationHandle: get.returnHandle)), payload: payload, turn: turn)
    if length == 0 {
      turn.memory.release(piece)
    } else {
      record.ownsPayload = true
    }
    guard respond(record, turn: &turn) else {
      if length != 0 { turn.memory.release(piece) }
      counters.responsesRefused += 1
      return reception.refusal()
    }
    counters.pingsAnswered += 1
    return reception.refusal()
  }

  /// Writes our ping info into a piece, behind the headroom; the part that it fills.
  mutating func writeOwnInfo(into piece: BufferRef, turn: inout Turn) -> BufferRef {
    var bytes = turn.memory.messages.mutableBytes(piece)
    let length = ownInfo.encode(into: &bytes, at: lndHeadroomByteCount)
    return piece.part(offset: lndHeadroomByteCount, length: length)
  }
}
