internal import LustreWire
package import RDMATransport
internal import Structures

/// A transfer that a peer has begun with PUT_REQ or GET_REQ and whose end the driver will report.
struct Operation: BitwiseCopyable {
  enum Kind: UInt8, BitwiseCopyable {
    case put, reply, get, push
  }

  var kind: Kind
  var reception: Reception
  var descriptor: UInt32
  var offset: UInt32
  var moved: UInt32
  /// Bulk memory taken for the time of the transfer, because the sink itself may not be written by peers,
  /// or because there is none.
  var run: BufferRef
  var initiator: NID

  init(
    kind: Kind, reception: Reception, descriptor: UInt32, offset: UInt32, moved: UInt32,
    initiator: NID = .any
  ) {
    self.kind = kind
    self.reception = reception
    self.descriptor = descriptor
    self.offset = offset
    self.moved = moved
    run = .none
    self.initiator = initiator
  }

  /// What unused cells of the table hold.
  static func filler(_ header: LNetHeader) -> Operation {
    Operation(
      kind: .put, reception: .filler(header), descriptor: noCell, offset: 0, moved: 0)
  }
}

extension LNet {
  /// Has the peer write the data of a PUT or REPLY: into the sink itself, or into a run of bulk memory.
  mutating func fetch(_ wanted: Operation, turn: inout Turn) -> ReceptionAnswer {
    var operation = wanted
    let index = Int(operation.descriptor)
    let length = Int(operation.moved)
    var sink = BufferRef.none
    if operation.kind != .push && descriptors[index].memory.isBulk && !descriptors[index].isInPlace
    {
      sink = descriptors[index].memory.part(offset: Int(operation.offset), length: length)
    } else if let run = turn.memory.bulk.allocateRun(byteCount: length) {
      operation.run = run
      sink = run
    }
    guard sink != .none, let ticket = operations.insert(operation) else {
      if operation.run != .none { turn.memory.release(operation.run) }
      counters.droppedNoMemory += 1
      note(.noMemory, operation.reception.peer, UInt64(length), at: turn.now)
      operation.run = .none
      conclude(operation, status: Errno.noMemory, turn: &turn)
      return operation.reception.refusal(Errno.noMemory)
    }
    if operation.kind != .push && descriptors[index].isInPlace { inPlaceCount += 1 }
    return .acceptPut(sink: sink, ticket: ticket.raw)
  }

  /// The data of an accepted PUT or REPLY has come, or never will.
  package mutating func putDone(_ event: LNDEvent, turn: inout Turn) {
    guard let operation = operations.remove(Handle(raw: event.ticket)) else {
      preconditionFailure("a driver ended a transfer twice")
    }
    if operation.kind != .push && descriptors[Int(operation.descriptor)].isInPlace {
      // The place was taken when the transfer began; the delivery takes it again.
      inPlaceCount -= 1
    }
    conclude(operation, status: min(event.status, 0), turn: &turn)
    // What failed has left its place to others.
    if portalsWithoutPlace != 0 {
      drainPortalsWithoutPlace(after: operation.reception, turn: &turn)
    }
  }

  /// Ends a transfer: the data goes where it belongs, the consumer hears of it, the peer gets its ACK.
  private mutating func conclude(_ operation: Operation, status: Int32, turn: inout Turn) {
    switch (operation.kind, operation.reception.header.body) {
    case (.put, .put(let put)):
      concludePut(operation, put, status: status, turn: &turn)
    case (.reply, .reply):
      let index = Int(operation.descriptor)
      if status == 0 && operation.run != .none {
        turn.memory.copy(
          from: operation.run,
          to: descriptors[index].memory.part(offset: 0, length: Int(operation.moved)))
      }
      if operation.run != .none { turn.memory.release(operation.run) }
      var event = replyEvent(operation.reception, descriptor: index, moved: operation.moved)
      event.status = status
      endUse(of: index, with: &event, turn: &turn)
    case (.push, .put(let put)):
      if status == 0 {
        takePush(operation.reception, put, bytes: operation.run, turn: &turn)
      }
      if operation.run != .none { turn.memory.release(operation.run) }
    default:
      preconditionFailure("an operation with another's header")
    }
  }

  private mutating func concludePut(
    _ operation: Operation, _ put: LNetPut, status: Int32, turn: inout Turn
  ) {
    let index = Int(operation.descriptor)
    let match = Match(
      kind: .matched, descriptor: index, offset: operation.offset, length: operation.moved)
    var event = putEvent(operation.reception, put, match, operation.initiator)
    event.status = status
    if status != 0 { event.movedLength = 0 }
    var keepsRun = false
    if status == 0 && operation.run != .none {
      if descriptors[index].isInPlace {
        keepsRun = !descriptors[index].isAborted
        if keepsRun {
          event.payload = operation.run
          event.delivery = keepInPlace(operation.reception, run: operation.run)
        }
      } else {
        turn.memory.copy(
          from: operation.run,
          to: descriptors[index].memory.part(
            offset: Int(operation.offset), length: Int(operation.moved)))
      }
    }
    if operation.run != .none && !keepsRun { turn.memory.release(operation.run) }
    if status == 0 { acknowledge(operation.reception, put, match, turn: &turn) }
    endUse(of: index, with: &event, turn: &turn)
  }
}
