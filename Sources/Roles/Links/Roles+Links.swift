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
    links.take(map, for: target, specification(ofTarget: target), &node)
  }

  package func explanationOfLinks(_ node: borrowing NodeCore) -> String {
    links.explanation(node)
  }
}
