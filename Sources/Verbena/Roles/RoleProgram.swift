internal import BasicContainers
internal import CLinuxShims
internal import Connections
internal import LNet
internal import LustreWire
internal import NodeCore
internal import PtlRPC
internal import Rings
internal import Roles
internal import Storage
internal import Structures

/// What runs on the loop of a node with roles: the roles, and the stores of its targets.
///
/// A guest program may run beside them, for measurements: it gets LNet's events and what no role has asked for.
struct RoleProgram<Guest: NodeProgram & ~Copyable>: NodeProgram, ~Copyable {
  private var roles: Roles
  private var guest: Guest
  private let desk: RoleDesk
  private var files: RigidArray<FileStore>
  private var memories: RigidArray<MemoryStore>
  /// By target: which of the stores is its own.
  private var places: [StorePlace] = []

  private enum StorePlace {
    case file(Int)
    case memory(Int)
  }

  /// - Parameter stores: of the targets with a directory, in their order.
  init(
    _ configuration: NodeConfiguration, stores: consuming StoreCrate, desk: RoleDesk,
    guest: consuming Guest
  ) {
    roles = Roles(
      capacity: configuration.roles, serverRequests: configuration.rpc.capacity.serverRequests,
      exports: configuration.connections.capacity.exports,
      clockStart: clinux_realtime_nanoseconds() - clinux_monotonic_nanoseconds())
    self.guest = guest
    self.desk = desk
    files = stores.take()
    memories = RigidArray(capacity: desk.hosted.count)
  }

  mutating func started(_ node: inout NodeCore) {
    startServices(&node)
    for target in desk.hosted {
      let image: TargetImage
      if target.directory == nil {
        let store = MemoryStore(target.specification.identity)
        image = store.image
        places.append(.memory(memories.count))
        memories.append(store)
      } else {
        let place = places.count { if case .file = $0 { true } else { false } }
        image = files[place].image
        places.append(.file(place))
      }
      if roles.addTarget(target.specification, image: image, &node) == nil {
        places.removeLast()
        desk.note(
          TargetNotice(
            name: target.specification.name, state: .failed,
            explanation: "its name is taken on this node, or there are too many targets"))
      }
    }
    desk.served.start(&roles, &node)
    node.pump()
    guest.started(&node)
    settle(&node)
  }

  /// What clients and servers are asked on: an object server's OUT portal is the metadata server's too.
  private func startServices(_ node: inout NodeCore) {
    var services: [ServiceDescription] = [.lockCallback]
    let kinds = desk.hosted.map(\.specification.kind) + desk.served.kinds
    if !kinds.isEmpty { services.append(.lockCancel) }
    if kinds.contains(.mgs) { services.append(.mgs) }
    if kinds.contains(.mdt) { services += ServiceDescription.mds }
    if kinds.contains(.ost) {
      services += ServiceDescription.ost.filter { service in
        !services.contains { $0.requestPortal == service.requestPortal }
      }
    }
    for service in services {
      do throws(LNetError) {
        try node.rpc.startService(service, lnet: &node.lnet, turn: &node.turn)
      } catch { preconditionFailure("a service of a new node cannot start: \(error)") }
    }
  }

  mutating func received(_ event: LNetEvent, _ node: inout NodeCore) {
    guest.received(event, &node)
  }

  mutating func received(_ event: ConnectionsEvent, _ node: inout NodeCore) {
    if !roles.handle(event, &node), !desk.served.take(event, &node) { guest.received(event, &node) }
  }

  mutating func expired(timer owner: UInt32, _ node: inout NodeCore) {
    if OwnerTag(raw: owner).part == .program {
      guest.expired(timer: owner, &node)
    } else {
      roles.expired(timer: owner, &node)
    }
  }

  mutating func turned(_ node: inout NodeCore) {
    guest.turned(&node)
    settle(&node)
  }

  mutating func looked(_ node: inout NodeCore) -> Bool {
    var isAny = guest.looked(&node)
    while let work = desk.take() {
      work.run(&roles, &node)
      node.pump()
      isAny = true
    }
    return settle(&node) || isAny
  }

  /// Exchanges with the stores, and tells what the roles report.
  @discardableResult
  private mutating func settle(_ node: inout NodeCore) -> Bool {
    var round = 0
    repeat {
      for target in places.indices {
        switch places[target] {
        case .file(let place): roles.exchange(target, with: &files[place], &node)
        case .memory(let place): roles.exchange(target, with: &memories[place], &node)
        }
      }
      round += 1
    } while roles.mustExchangeAgain(after: round)
    var isAny = false
    while let event = roles.events.popFirst() {
      isAny = true
      desk.tell(event, &roles, &node)
    }
    node.pump()
    return isAny
  }

  mutating func stopped(_ node: inout NodeCore) {
    guest.stopped(&node)
    // Callers get their memory back now: nothing may be made of it any more.
    roles.abandonObjects(WireErrno.eshutdown.status, &node)
    desk.served.stop()
    desk.close()
  }

  mutating func ended() {
    guest.ended()
    for place in files.indices { files[place].stop() }
    for place in files.indices {
      // The disk decides how long; the thread that waits has nothing else to do any more.
      while !files[place].hasEnded { clinux_pause_milliseconds(5) }
    }
  }
}

/// Carries opened stores to the thread that uses them.
final class StoreCrate: Sendable {
  private let stores: Guarded<RigidArray<FileStore>?>

  init(_ stores: consuming sending RigidArray<FileStore>) { self.stores = Guarded(stores) }

  func take() -> RigidArray<FileStore> {
    stores.withLock { $0.take() } ?? RigidArray(capacity: 0)
  }
}
