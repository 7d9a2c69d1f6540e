internal import BasicContainers
internal import Connections
internal import LustreWire
package import NodeCore
internal import PtlRPC
package import Storage
internal import RDMATransport
internal import Structures

// Targets of the node: what comes for them is handed to the server that each one is.
extension Roles {
  package var targetCount: Int { targets.count }

  /// Makes a target known. It takes no connections until it is registered and its disk has been read: `targetOpen`
  /// or `targetFailed` follows.
  ///
  /// - Parameter image: what its store had when it was opened.
  /// - Returns: its number; nil when there is no place, or its name is taken.
  package mutating func addTarget(
    _ specification: TargetSpecification, image: TargetImage, _ node: inout NodeCore
  ) -> Int? {
    guard hasPlace(for: specification.kind) else { return nil }
    let target = targets.count
    var traits = TargetTraits(kind: specification.kind)
    traits.index = specification.index
    traits.instance =
      specification.kind == .mgs ? 0 : UInt32(truncatingIfNeeded: image.identity.mountCount)
    var description = TargetDescription(
      name: image.identity.name, uuid: image.identity.uuid, traits: traits)
    description.tag = UInt32(target)
    guard let slot = node.connections.addTarget(description) else { return nil }
    node.connections.set(.unavailable, ofTarget: slot)
    node.connections.setCommitted(image.lastTransno, ofTarget: slot)
    disks.append(TargetDisk(lastTransno: image.lastTransno))
    let place: Int
    switch specification.kind {
    case .mgs:
      place = managementServers.count
      managementServers.append(
        ManagementServer(
          specification, target: target, slot: slot, image: image, clockStart: clockStart,
          at: node.turn.now))
    case .mdt:
      place = metadataServers.count
      metadataServers.append(
        MetadataServer(
          specification, target: target, slot: slot, image: image,
          exports: targetOfExport.count))
    case .ost:
      place = objectServers.count
      objectServers.append(
        ObjectServer(
          specification, target: target, slot: slot, image: image,
          requests: targetOfRequest.count, exports: targetOfExport.count))
    }
    // Before the first client connects: it is granted no more than is free.
    if specification.kind == .ost { objectServers[place].askForStatistics(&disks[target]) }
    targets.append(HostedTarget(kind: specification.kind, place: place, slot: slot))
    open(
      target, specification, instance: UInt32(truncatingIfNeeded: image.identity.mountCount), &node)
    return target
  }

  /// What each target of this node has done.
  package func targetCounters() -> [TargetCounters] {
    var all: [TargetCounters] = []
    for target in targets {
      switch target.kind {
      case .mgs:
        all.append(
          TargetCounters(
            name: managementServers[target.place].specification.name,
            counts: .management(managementServers[target.place].counters)))
      case .mdt:
        all.append(
          TargetCounters(
            name: metadataServers[target.place].specification.name,
            counts: .metadata(metadataServers[target.place].counters)))
      case .ost:
        all.append(
          TargetCounters(
            name: objectServers[target.place].specification.name,
            counts: .objects(objectServers[target.place].counters)))
      }
    }
    return all
  }

  private func hasPlace(for kind: TargetKind) -> Bool {
    switch kind {
    case .mgs: !managementServers.isFull
    case .mdt: !metadataServers.isFull
    case .ost: !objectServers.isFull
    }
  }

  /// Whether the stores are to be exchanged with once more in this turn: of targets that wait for bulk memory another
  /// one is the next, and was passed over before. Each round ends somebody's turn, and they are no more than requests.
  ///
  /// - Parameter round: how often they have been exchanged with in this turn.
  package mutating func mustExchangeAgain(after round: Int) -> Bool {
    memoryLine.takeMove() && round < targetOfRequest.count
  }

  /// Moves records between a target and its store: at the end of each turn, and when the store has rung.
  package mutating func exchange<Store: TargetStore & ~Copyable>(
    _ target: Int, with store: inout Store, _ node: inout NodeCore
  ) {
    if targets[target].kind == .ost {
      // Memory may have become free since.
      resumeObjects(target, &node)
      reportListing(target)
    }
    repeat {
      store.submit(&disks[target].commands, memory: &node.turn.memory, at: node.turn.now)
      store.poll(&disks[target].completions, memory: &node.turn.memory, at: node.turn.now)
      guard !disks[target].completions.isEmpty else { return }
      while let completion = disks[target].completions.popFirst() {
        switch completion {
        case .ended(let result): ended(result, target, &node)
        case .durable(let transno):
          node.connections.setCommitted(transno, ofTarget: targets[target].slot)
          durable(transno, target, &node)
        }
      }
    } while true
  }

  /// Goes on with what waits at an object target, as far as it is its turn.
  private mutating func resumeObjects(_ target: Int, _ node: inout NodeCore) {
    let place = targets[target].place
    var hasTaken = true
    while hasTaken {
      let share = beginObjects(place)
      objectServers[place].resume(&disks[target], &node)
      // It may be its turn again.
      hasTaken = endObjects(place, share) && share == 1
    }
  }

  /// Tells an object server how many of its requests may take bulk memory.
  private mutating func beginObjects(_ place: Int) -> Int {
    let share = memoryLine.share(of: place)
    objectServers[place].memoryShare = share
    return share
  }

  /// Returns whether it has taken any.
  @discardableResult
  private mutating func endObjects(_ place: Int, _ share: Int) -> Bool {
    let hasTaken = objectServers[place].memoryShare != share
    memoryLine.note(
      place, hasTaken: hasTaken, isWanting: objectServers[place].waitsForMemoryOnly)
    return hasTaken
  }

  // MARK: - To the server of a target

  mutating func serve(
    _ request: ServerRequestHandle, of export: ExportHandle, _ target: Int,
    _ node: inout NodeCore
  ) {
    let place = targets[target].place
    switch targets[target].kind {
    case .mgs: managementServers[place].serve(request, of: export, &disks[target], &node)
    case .mdt: metadataServers[place].serve(request, of: export, &disks[target], &node)
    case .ost:
      let share = beginObjects(place)
      objectServers[place].serve(request, of: export, &disks[target], &node)
      endObjects(place, share)
    }
  }

  mutating func report(_ event: ConnectionsEvent, to target: Int, _ node: inout NodeCore) {
    let place = targets[target].place
    switch targets[target].kind {
    case .mgs: managementServers[place].handle(event, &disks[target], &node)
    case .mdt: metadataServers[place].handle(event, &disks[target], &node)
    case .ost:
      let share = beginObjects(place)
      objectServers[place].handle(event, &disks[target], &node)
      endObjects(place, share)
    }
  }

  private mutating func ended(
    _ result: StorageResult, _ target: Int, _ node: inout NodeCore
  ) {
    let place = targets[target].place
    switch targets[target].kind {
    case .mgs: managementServers[place].ended(result, &disks[target], &node)
    case .mdt: metadataServers[place].ended(result, &disks[target], &node)
    case .ost:
      let share = beginObjects(place)
      objectServers[place].ended(result, &disks[target], &node)
      endObjects(place, share)
      reportListing(target)
    }
  }

  private mutating func durable(
    _ transno: UInt64, _ target: Int, _ node: inout NodeCore
  ) {
    let place = targets[target].place
    switch targets[target].kind {
    case .mgs: managementServers[place].durable(transno, &disks[target], &node)
    case .mdt: metadataServers[place].durable(transno, &disks[target], &node)
    case .ost: objectServers[place].durable(transno, &disks[target], &node)
    }
  }

  func target(ofSlot slot: UInt32) -> Int {
    for (index, target) in targets.enumerated() where target.slot == slot { return index }
    preconditionFailure("a target that is not here")
  }
}
