internal import BasicContainers
internal import LustreWire
package import RDMATransport
internal import Structures

// The target's side of a PUT (spec 01 §4.4).
extension LNet {
  @inline(__always)
  mutating func deliverPut(
    _ reception: Reception, _ put: LNetPut, turn: inout Turn
  ) -> ReceptionAnswer {
    guard put.portal.isLegal else {
      counters.droppedBadPortal += 1
      return reception.refusal()
    }
    let portal = Int(put.portal.rawValue)
    let found = match(query(reception, put))
    switch found.kind {
    case .matched:
      return land(reception, put, found, turn: &turn)
    case .tooLong:
      counters.droppedTooLong += 1
      return reception.refusal()
    case .none, .full:
      guard portals[portal].isLazy else {
        counters.droppedNoMatch += 1
        return reception.refusal()
      }
      if found.kind == .full { portalsWithoutPlace |= 1 << UInt64(portal) }
      return hold(reception, portal: portal, turn: &turn)
    }
  }

  @inline(__always)
  mutating func query(_ reception: Reception, _ put: LNetPut) -> MatchQuery {
    MatchQuery(
      operation: .put, portal: Int(put.portal.rawValue), matchBits: put.matchBits,
      initiator: initiator(of: reception), source: reception.header.source.nid,
      pid: reception.header.source.pid, offset: put.offset,
      length: reception.header.payloadLength)
  }

  /// Puts the data of a matched PUT where it belongs.
  mutating func land(
    _ reception: Reception, _ put: LNetPut, _ match: Match, turn: inout Turn
  ) -> ReceptionAnswer {
    let index = match.descriptor
    let initiator = initiator(of: reception)
    if reception.carrier == .putRequest && match.length != 0 {
      return fetch(
        Operation(
          kind: .put, reception: reception, descriptor: UInt32(index), offset: match.offset,
          moved: match.length, initiator: initiator), turn: &turn)
    }
    var event = putEvent(reception, put, match, initiator)
    var answer = reception.refusal()
    if descriptors[index].isInPlace {
      if match.length != 0 {
        event.payload = reception.payload.part(offset: 0, length: Int(match.length))
        event.delivery = keepInPlace(reception, run: .none)
        answer = .held
      }
    } else if match.length != 0 {
      turn.memory.copy(
        from: reception.payload.part(offset: 0, length: Int(match.length)),
        to: descriptors[index].memory.part(
          offset: Int(match.offset), length: Int(match.length)))
    }
    acknowledge(reception, put, match, turn: &turn)
    endUse(of: index, with: &event, turn: &turn)
    return answer
  }

  @inline(__always)
  mutating func putEvent(
    _ reception: Reception, _ put: LNetPut, _ match: Match, _ initiator: NID
  ) -> LNetEvent {
    var event = makeEvent(.put, descriptor: match.descriptor)
    event.interface = reception.interface
    event.requestedLength = reception.header.payloadLength
    event.movedLength = match.length
    event.offset = match.offset
    event.headerData = put.headerData
    event.matchBits = put.matchBits
    event.initiator = initiator
    event.initiatorPID = reception.header.source.pid
    event.source = reception.header.source.nid
    return event
  }

  /// Sends the ACK of a PUT whose data is in place, if one is wanted (spec 01 §4.4).
  @inline(__always)
  mutating func acknowledge(
    _ reception: Reception, _ put: LNetPut, _ match: Match, turn: inout Turn
  ) {
    guard !put.acknowledgeHandle.isNone,
      !descriptors[match.descriptor].options.contains(.acknowledgeDisabled),
      !descriptors[match.descriptor].isAborted
    else { return }
    sendAcknowledge(reception, put, length: match.length, turn: &turn)
  }

  /// Keeps a reception whose payload a consumer reads in place.
  @inline(__always)
  mutating func keepInPlace(_ reception: Reception, run: BufferRef) -> DeliveryHandle {
    guard
      let handle = held.insert(
        HeldReception(reception: reception, run: run, next: noCell, isDelivered: true))
    else { preconditionFailure("the table of receptions is smaller than its limits") }
    inPlaceCount += 1
    return DeliveryHandle(raw: handle)
  }

  /// A consumer has read a message that was handed over in place.
  package mutating func release(_ delivery: DeliveryHandle, turn: inout Turn) {
    let slot = held.slot(delivery.raw)
    precondition(held.cells[slot].isDelivered, "released twice")
    // A freed cell stays as it was until the next one is taken.
    held.free(delivery.raw)
    inPlaceCount -= 1
    let run = held.cells[slot].run
    if run != .none {
      // It was fetched, and answered long ago: only the memory goes back.
      turn.memory.release(run)
    } else if held.cells[slot].reception.carrier == .local {
      complete(held.cells[slot].reception.message, status: 0, turn: &turn)
    } else {
      answerLate(
        held.cells[slot].reception.interface, held.cells[slot].reception.id, .consumed)
    }
    if portalsWithoutPlace != 0 {
      drainPortalsWithoutPlace(after: held.cells[slot].reception, turn: &turn)
    }
  }
}
