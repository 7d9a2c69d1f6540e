package import BasicContainers
package import Connections
internal import LustreWire
package import NodeCore
internal import PtlRPC
internal import RDMATransport
internal import Storage
package import Structures

/// What a node is to the others: the targets that live here, the mounts, and the connections between servers.
///
/// It stands on `NodeCore`: the program of a node hands in what the connections report (`handle`) and its timers
/// (`expired`), exchanges records with the targets' stores at the end of each turn (`exchange`), and reads `events`.
/// A value like the rooms below: no clock, thread, lock or file. What happens rarely (a mount, a registration) may
/// allocate; what happens at each request does not.
package struct Roles: ~Copyable {
  /// What the program above is to know.
  package var events: FixedQueue<RolesEvent>

  var targets: [HostedTarget] = []
  /// Why a target could not be opened, by target.
  var explanations: [Int: String] = [:]
  /// The management client of each target that needs one.
  var managementOfTarget: [Int: Int] = [:]
  var disks: RigidArray<TargetDisk>
  var managementServers: RigidArray<ManagementServer>
  var metadataServers: RigidArray<MetadataServer>
  var objectServers: RigidArray<ObjectServer>
  var memoryLine: MemoryLine
  var managementClients: RigidArray<ManagementClient>
  package var mounts: RigidArray<Mount>
  var links = ServerLinks()
  package var objects: ObjectClient

  /// Nanoseconds since 1970 at time 0 of the turn's clock: what logs say of times.
  let clockStart: UInt64

  /// By slot of a peer's request that a target serves: the target.
  var targetOfRequest: RigidArray<UInt16>
  /// By slot of an export: its target.
  var targetOfExport: RigidArray<UInt16>

  /// The tags of targets that the program above serves begin here: their events are passed on.
  package static let firstProgramTarget = 0x8000

  /// A target of this node: which server it is, and where among those of its kind.
  struct HostedTarget {
    var kind: TargetKind
    var place: Int
    /// The connections' number for it.
    var slot: UInt32
  }

  /// - Parameters:
  ///   - serverRequests: peers' requests that PtlRPC keeps.
  ///   - exports: clients that the connections keep.
  ///   - clockStart: nanoseconds since 1970 at time 0 of the turn's clock.
  package init(
    capacity: RolesCapacity, serverRequests: Int, exports: Int, clockStart: UInt64 = 0
  ) {
    self.clockStart = clockStart
    events = FixedQueue(capacity: capacity.events, filler: RolesEvent(.unmounted, index: 0))
    disks = RigidArray(
      capacity: capacity.managementServers + capacity.metadataServers + capacity.objectServers)
    managementServers = RigidArray(capacity: capacity.managementServers)
    metadataServers = RigidArray(capacity: capacity.metadataServers)
    objectServers = RigidArray(capacity: capacity.objectServers)
    memoryLine = MemoryLine(targets: capacity.objectServers)
    managementClients = RigidArray(capacity: capacity.managementClients)
    mounts = RigidArray(capacity: capacity.mounts)
    objects = ObjectClient(
      operations: capacity.objectOperations, requests: capacity.objectRequests)
    targetOfRequest = RigidArray(capacity: serverRequests)
    for _ in 0..<serverRequests { targetOfRequest.append(0) }
    targetOfExport = RigidArray(capacity: exports)
    for _ in 0..<exports { targetOfExport.append(0) }
  }

  /// Hands in what the connections report.
  ///
  /// - Returns: false for what concerns the program: an end of a request or an import with a tag of its own.
  package mutating func handle(_ event: ConnectionsEvent, _ node: inout NodeCore) -> Bool {
    switch event.kind {
    case .requested:
      let export = ExportHandle(raw: Handle(raw: event.tag))
      let target = Int(targetOfExport[export.raw.slot])
      targetOfRequest[event.handle.slot] = UInt16(target)
      guard target < Self.firstProgramTarget else { return false }
      serve(event.serverRequest, of: export, target, &node)
    case .exportConnected:
      if let view = node.connections.view(event.exportHandle) {
        targetOfExport[event.handle.slot] = UInt16(view.target.tag)
        guard view.target.tag < Self.firstProgramTarget else { return false }
        report(event, to: Int(view.target.tag), &node)
      }
    case .exportGone:
      let target = Int(targetOfExport[event.handle.slot])
      guard target < Self.firstProgramTarget else { return false }
      report(event, to: target, &node)
    case .transferred, .acknowledged:
      let target = Int(targetOfRequest[event.handle.slot])
      guard target < Self.firstProgramTarget else { return false }
      report(event, to: target, &node)
    case .lockGranted: report(event, to: target(ofSlot: event.tag), &node)
    case .called, .connected, .closed, .attemptFailed, .lost, .evicted, .idle, .replied, .failed,
      .released, .lockHeld, .lockFailed, .lockBlocked, .lockReleased, .lockLost, .glimpsed,
      .calledBack:
      return handleOwned(event, &node)
    }
    return true
  }

  /// Hands an event to the part that made what it is about.
  private mutating func handleOwned(
    _ event: ConnectionsEvent, _ node: inout NodeCore
  ) -> Bool {
    // A server's call names our import or our lock in its tag: their owner's number is behind it.
    let tag: OwnerTag
    switch event.kind {
    case .called:
      let handle = ImportHandle(raw: Handle(raw: event.tag))
      tag = OwnerTag(raw: node.connections.view(handle)?.description.tag ?? 0)
    case .glimpsed:
      tag = OwnerTag(raw: node.connections.ownerTag(ofHeldLock: Handle(raw: event.tag)))
    default: tag = OwnerTag(raw: event.tag)
    }
    switch tag.part {
    case .program: return false
    case .managementClient:
      managementClients[tag.index].handle(event, tag, &node)
      takeReports(tag.index, &node)
    case .mount:
      mounts[tag.index].handle(event, &node, &events)
      settleWatch(of: tag.index, &node)
    case .link:
      links.handle(event, tag, &node)
      takeSequences()
    case .server: report(event, to: tag.index, &node)
    case .object:
      objects.handle(event, tag, &node)
      reportObjects()
    }
    return true
  }

  /// A timer that this room has made (`NodeCore.makeProgramTimer`) has expired.
  ///
  /// - Parameter owner: as the timer was made: an `OwnerTag` whose part is not the program's.
  package mutating func expired(timer owner: UInt32, _ node: inout NodeCore) {
    let tag = OwnerTag(raw: owner)
    switch tag.part {
    case .program, .server: preconditionFailure("a timer of nobody")
    case .managementClient:
      managementClients[tag.index].expired(tag, &node)
      takeReports(tag.index, &node)
    case .mount: mounts[tag.index].expired(&node, &events)
    case .link: for target in links.expired(&node) { watchForLinks(of: target, &node) }
    case .object:
      objects.expired(&node)
      reportObjects()
    }
  }
}
