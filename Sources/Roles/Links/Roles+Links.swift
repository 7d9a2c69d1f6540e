internal import BasicContainers
internal import Connections
internal import LustreWire
package import NodeCore
internal import Structures

// The connections between servers: begun when a target is registered.
extension Roles {
  /// A target of this node wants to know who else there is.
  mutating func watchForLinks(of target: Int, _ node: inout NodeCore) {
    guard let client = managementOfTarget[target] else { return }
    let specification = specification(ofTarget: target)
    let isWatched = managementClients[client].watch(
      specification.fileSystem, .target(specification.kind, index: specification.index),
      tag: OwnerTag(.link, target), &node)
    if !isWatched { links.cannotRead(target, &node) }
  }

  func specification(ofTarget target: Int) -> TargetSpecification {
    let place = targets[target].place
    return switch targets[target].kind {
    case .mgs: managementServers[place].specification
    case .mdt: metadataServers[place].specification
    case .ost: objectServers[place].specification
    }
  }

  /// A management client has something for a target's connections.
  mutating func configurationChanged(ofTarget target: Int, _ node: inout NodeCore) {
    guard let client = managementOfTarget[target],
      let map = managementClients[client].map(of: OwnerTag(.link, target))
    else { return }
    let isMetadata = targets[target].kind == .mdt
    if isMetadata { metadataServers[targets[target].place].learn(map) }
    links.take(
      map, for: target, specification(ofTarget: target), lacksSequences: lacksSequences(target),
      sequences: isMetadata ? metadataServers[targets[target].place].objectSequences : [:], &node)
  }

  /// Whether a target is to ask the first metadata target for sequences to hand out.
  private func lacksSequences(_ target: Int) -> Bool {
    let place = targets[target].place
    return switch targets[target].kind {
    case .mgs: false
    case .mdt: metadataServers[place].sequences.own.areMissing
    case .ost: objectServers[place].sequences.areMissing
    }
  }

  /// Targets get the sequences that have come for them over their connections.
  mutating func takeSequences() {
    keepObjectSequences()
    while let (target, range) = links.ranges.popLast() {
      let place = targets[target].place
      switch targets[target].kind {
      case .mgs: break
      case .mdt: metadataServers[place].sequences.receive(range, &disks[target])
      case .ost: objectServers[place].sequences.receive(range, &disks[target])
      }
    }
  }

  /// Metadata targets remember in which sequences they make objects. Until the disk does, a crash costs a sequence.
  private mutating func keepObjectSequences() {
    while let (target, index, sequence) = links.objectSequences.last {
      guard disks[target].hasRoom() else { return }
      links.objectSequences.removeLast()
      metadataServers[targets[target].place].keep(sequence, ofObjectTarget: index, &disks[target])
    }
  }

  package func explanationOfLinks(_ node: borrowing NodeCore) -> String {
    links.explanation(node)
  }
}
