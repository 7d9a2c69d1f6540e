internal import BasicContainers
internal import Connections
internal import LustreWire
internal import NodeCore
internal import Storage
internal import Structures

/// The clients that a target remembers over a restart: each that connects has a slot on the target's disk until it
/// leaves or is evicted, light-weight ones excepted (spec 11 §6; spec 12 §6.2).
///
/// Commands are asked in order before those of the client's first transaction, and so are never less durable. A
/// client of an earlier life that comes back finds its slot, with the replies in it (§6.4); one that stays away for
/// some lives is forgotten.
struct ClientSlots: ~Copyable {
  /// Lives of the target for which a client that does not come back keeps its slot.
  static let livesMax: UInt32 = 4
  /// Commands of a client: its slot, and the replies in it.
  private static let commandsMax = 1 + SavedReply.placeCount
  /// Numbers of this type's commands: a slot is added to it, and no other number of a target is as high but the last
  /// few.
  static let firstTicket: UInt32 = 0x4000_0000
  /// Of commands whose end is of no interest.
  static let silentTicket: UInt32 = firstTicket | 0x0FFF_FFFF

  private enum State: UInt8, BitwiseCopyable {
    case free
    /// A client of an earlier life.
    case remembered
    /// The disk is to be told that the client is there.
    case joining
    /// It has been told.
    case joined
    /// It has it.
    case kept
    /// The disk is to be told that the client is gone.
    case leaving
  }

  private struct Slot: BitwiseCopyable {
    var client = ObdUUID()
    var state = State.free
    var isQueued = false
    /// Times that the disk has been told of a client and has not answered.
    var asked: UInt16 = 0
  }

  private let generation: UInt32
  private var slots: RigidArray<Slot>
  private var freeSlots: RigidArray<UInt32>
  /// Slots whose state the disk is to be told of, in order.
  private var changed: FixedQueue<UInt32>
  /// By slot of an export: its slot here; `.max` for none.
  private var slotOfExport: RigidArray<UInt32>
  private var remembered: [ObdUUID: UInt32] = [:]
  /// What clients of earlier lives have left, by slot.
  private var records: [UInt32: ClientRecord] = [:]

  init(image: TargetImage, exports: Int) {
    generation = UInt32(truncatingIfNeeded: image.identity.mountCount)
    let known = image.clients
    let highest = known.last.map { Int($0.slot) + 1 } ?? 0
    let count = min(StorageLimits.clientCountMax, exports + highest)
    slots = RigidArray(capacity: count)
    freeSlots = RigidArray(capacity: count)
    for _ in 0..<count { slots.append(Slot()) }
    var places = 1
    while places < count { places *= 2 }
    changed = FixedQueue(capacity: places, filler: 0)
    slotOfExport = RigidArray(capacity: exports)
    for _ in 0..<exports { slotOfExport.append(.max) }
    for record in known {
      let slot = Int(record.slot)
      slots[slot].client = record.uuid
      if generation &- record.generation > Self.livesMax || remembered[record.uuid] != nil {
        change(slot, .leaving)
      } else {
        slots[slot].state = .remembered
        remembered[record.uuid] = record.slot
        records[record.slot] = record
      }
    }
    for slot in (0..<count).reversed() where slots[slot].state == .free {
      freeSlots.append(UInt32(slot))
    }
  }

  /// Clients of earlier lives that have not come back.
  var rememberedCount: Int { remembered.count }

  /// A client has connected. One of an earlier life gets its replies back.
  mutating func connected(_ export: ExportHandle, _ node: inout NodeCore) {
    guard let view = node.connections.view(export), view.takesSlot,
      slotOfExport[export.raw.slot] == .max
    else { return }
    if let slot = remembered.removeValue(forKey: view.client) {
      slotOfExport[export.raw.slot] = slot
      // Who connects for the first time has lost nothing: only the name is that of an earlier client.
      if view.connectionCount == 1 { records[slot] = nil }
      for reply in records[slot]?.replies ?? [] {
        node.connections.restoreReply(SavedReply(reply), of: export)
      }
      return change(Int(slot), .joining)
    }
    guard let slot = freeSlots.popLast() else { return }
    slotOfExport[export.raw.slot] = slot
    slots[Int(slot)].client = view.client
    change(Int(slot), .joining)
  }

  /// A client has left, or was evicted.
  mutating func left(_ export: Int) {
    let slot = slotOfExport[export]
    guard slot != .max else { return }
    slotOfExport[export] = .max
    records[slot] = nil
    change(Int(slot), .leaving)
  }

  /// Where replies of a client are kept on disk; nil as long as the disk does not know the client.
  func slot(of export: ExportHandle) -> UInt32? {
    let slot = slotOfExport[export.raw.slot]
    return slot != .max && slots[Int(slot)].state == .kept ? slot : nil
  }

  /// Whether the disk has been told of all changes: only then may transactions follow.
  var isSettled: Bool { changed.isEmpty }

  /// Tells the disk what has changed, as far as there is room.
  mutating func settle(_ disk: inout TargetDisk) {
    while let first = changed.first {
      let slot = Int(first)
      let replies = records[first]?.replies ?? []
      guard disk.hasRoom(for: 1 + min(replies.count, Self.commandsMax)) else { return }
      changed.dropFirst()
      slots[slot].isQueued = false
      switch slots[slot].state {
      case .joining:
        slots[slot].state = .joined
        slots[slot].asked += 1
        let client = StorageOperation.addClient(
          slot: first, slots[slot].client, generation: generation)
        // A slot that is taken anew is empty: what was in it goes in again. The last command speaks for all.
        let kept = replies.prefix(Self.commandsMax - 1)
        ask(client, isLast: kept.isEmpty, first, &disk)
        for (index, reply) in kept.enumerated() {
          ask(.setReply(reply), isLast: index + 1 == kept.count, first, &disk)
        }
        records[first] = nil
      case .leaving:
        slots[slot].state = .free
        freeSlots.append(first)
        disk.ask(StorageCommand(.freeClient(slot: first), ticket: Self.silentTicket))
      case .free, .remembered, .joined, .kept: break
      }
    }
  }

  private func ask(
    _ operation: StorageOperation, isLast: Bool, _ slot: UInt32, _ disk: inout TargetDisk
  ) {
    disk.ask(
      StorageCommand(
        operation, ticket: isLast ? Self.firstTicket | slot : Self.silentTicket,
        continues: !isLast))
  }

  /// Whether a command with this number is of this type.
  static func owns(_ ticket: UInt32) -> Bool {
    ticket & 0xF000_0000 == firstTicket
  }

  /// A command of this type has ended. A client that the disk has no place for is served without one.
  mutating func ended(_ result: StorageResult) {
    guard result.ticket != Self.silentTicket else { return }
    let slot = Int(result.ticket & ~Self.firstTicket)
    slots[slot].asked -= 1
    // What was said of an earlier client of the slot says nothing of this one.
    guard result.errno == 0, slots[slot].asked == 0, slots[slot].state == .joined else { return }
    slots[slot].state = .kept
  }

  private mutating func change(_ slot: Int, _ state: State) {
    slots[slot].state = state
    guard !slots[slot].isQueued else { return }
    slots[slot].isQueued = true
    let isTaken = changed.append(UInt32(slot))
    precondition(isTaken, "more changed slots than slots")
  }
}

extension SavedReply {
  init(_ record: ReplyRecord) {
    self.init(
      xid: record.result.xid, opcode: record.opcode, tag: record.tag, place: record.place,
      transno: record.result.transno, status: record.result.status, data: record.result.data)
  }
}
