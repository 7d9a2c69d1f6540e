// Commands drawn from a seed: few objects, clients and names, so that they meet each other often.
// Method: most are sensible, some are not, and transactions have one to six commands.
import LustreWire
import RDMATransport
import Structures

@testable import Storage

/// A command without its buffer, and the bytes or the room that it lends.
struct Draft {
  var data: [UInt8] = []
  /// Bytes to be read into.
  var room = 0
  var command: StorageCommand
  var make: ((BufferRef) -> StorageOperation)?
}

struct CommandGenerator {
  private var dice: SeededGenerator
  private var transno: UInt64
  private var left = 0
  private var ticket: UInt32 = 0
  private var openTransno: UInt64 = 0

  init(seed: UInt64, transno: UInt64 = 0) {
    dice = SeededGenerator(seed: seed)
    self.transno = transno
  }

  /// No transaction is open.
  var isBetween: Bool { left == 0 }

  mutating func below(_ bound: Int) -> Int { Int(dice.next(upperBound: UInt64(bound))) }

  /// After a crash: transnos go on from what is there.
  mutating func restart(after transno: UInt64) {
    self.transno = transno
    left = 0
  }

  mutating func next() -> Draft {
    ticket &+= 1
    if left == 0 {
      if below(5) == 0 { return read() }
      left = below(3) == 0 ? 1 + below(6) : 1
      switch below(20) {
      case 0: openTransno = UInt64(below(Int(transno) + 1))
      case 1, 2: openTransno = 0
      default:
        transno += 1 + UInt64(below(3))
        openTransno = transno
      }
    }
    left -= 1
    var draft = change()
    draft.command.ticket = ticket
    draft.command.transno = openTransno
    draft.command.continues = left > 0
    draft.command.isSync = left == 0 && below(6) == 0
    return draft
  }

  private mutating func object() -> StoredObjectID {
    StoredObjectID(sequence: 0x2_0000_0400 + UInt64(below(2)), object: UInt64(1 + below(6)))
  }

  private mutating func name() -> BlobName { blobName(["lfs-client", "params", "x"][below(3)]) }

  private mutating func bytes(_ max: Int) -> [UInt8] {
    let byte = UInt8(1 + below(255))
    return [UInt8](repeating: byte, count: below(max + 1))
  }

  private mutating func attributes() -> StoredAttributes {
    var value = StoredAttributes()
    value.fields = StoredFields(rawValue: UInt16(below(1 << 11)))
    value.mode = UInt32(below(512))
    value.uid = UInt32(below(9))
    value.gid = UInt32(below(9))
    value.projectID = UInt32(below(9))
    value.flags = UInt32(below(9))
    value.mtime = UInt64(below(1 << 30))
    value.atime = UInt64(below(1 << 30))
    value.ctime = UInt64(below(1 << 30))
    value.parentObject = UInt32(below(9))
    value.stripeCount = UInt32(below(9))
    value.componentEnd = UInt64(below(9))
    value.layoutVersion = UInt32(below(9))
    return value
  }

  private mutating func outcome() -> RequestResult {
    RequestResult(
      transno: openTransno, xid: UInt64(below(1 << 20)), status: Int32(below(3)) - 1,
      data: UInt32(below(9)), versions: (1, UInt64(below(9)), 3, 4))
  }

  private mutating func read() -> Draft {
    let id = object()
    let name = name()
    let offset = UInt64(below(200_000))
    let nothing = StorageCommand(.none, ticket: ticket)
    switch below(4) {
    case 0: return Draft(command: StorageCommand(.getAttributes(id), ticket: ticket))
    case 1:
      return Draft(room: 1 + below(9000), command: nothing) {
        .readBlob(name, offset: offset % 3000, into: $0)
      }
    default:
      return Draft(room: 1 + below(150_000), command: nothing) {
        .read(id, offset: offset, into: $0)
      }
    }
  }

  private mutating func change() -> Draft {
    let id = object()
    let name = name()
    let slot = UInt32(below(4))
    let nothing = StorageCommand(.none, ticket: 0)
    switch below(30) {
    case 0...4: return draft(.create(id, attributes()))
    case 5: return draft(.destroy(id))
    case 6, 7: return draft(.setAttributes(id, attributes()))
    case 8...14:
      let offset = UInt64(below(3) == 0 ? below(150_000) : 4096 * below(8))
      return Draft(data: bytes(below(4) == 0 ? 140_000 : 5000), command: nothing) {
        .write(id, offset: offset, data: $0)
      }
    case 15, 16: return draft(.truncate(id, size: UInt64(below(160_000))))
    case 28, 29:
      let first = UInt64(below(160_000))
      let last = below(8) == 0 ? UInt64.max : first &+ UInt64(below(150_000)) &- 10
      return draft(.clear(id, from: first, through: last))
    case 17: return draft(.setLastID(sequence: UInt64(below(3)), id: UInt64(below(1000))))
    case 18, 19:
      return draft(.addClient(slot: slot, uuid("c\(below(9))"), generation: UInt32(below(9))))
    case 20: return draft(.freeClient(slot: slot))
    case 21: return draft(.setResult(slot: slot, outcome(), isClose: below(2) == 0))
    case 22, 23:
      return draft(
        .setReply(
          ReplyRecord(
            client: slot, place: UInt16(below(5)), tag: 1,
            opcode: below(3) == 0 ? nil : .ostCreate, result: outcome())))
    case 24: return draft(.freeReply(slot: slot, place: UInt16(below(5))))
    case 25: return draft(below(2) == 0 ? .removeBlob(name) : .truncateBlob(name, size: 10))
    default:
      let offset = UInt64(below(2) == 0 ? 0 : below(2000))
      return Draft(data: bytes(3000), command: nothing) {
        .writeBlob(name, offset: offset, data: $0)
      }
    }
  }

  private func draft(_ operation: StorageOperation) -> Draft {
    Draft(command: StorageCommand(operation, ticket: 0))
  }
}
