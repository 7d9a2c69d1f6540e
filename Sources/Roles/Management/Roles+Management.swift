internal import BasicContainers
internal import Connections
package import LustreWire
package import NodeCore

// The management clients of a node, shared by its mounts and targets.
extension Roles {
  /// The client of a management server, for whoever needs one: `watch` it then. Those that name the same nodes
  /// share one.
  ///
  /// - Parameter nodes: NIDs of each of its nodes, the usual one first.
  /// - Returns: its place among `managementClients`; nil when there is no place.
  package mutating func openManagement(nodes: [[NID]], _ node: inout NodeCore) -> Int? {
    for index in 0..<managementClients.count where managementClients[index].nodes == nodes {
      return index
    }
    guard nodes.contains(where: { !$0.isEmpty }) else { return nil }
    for index in 0..<managementClients.count where managementClients[index].isOver {
      managementClients[index].turn(to: nodes)
      return index
    }
    guard !managementClients.isFull else { return nil }
    let index = managementClients.count
    managementClients.append(ManagementClient(nodes: nodes, index: index))
    return index
  }

  /// What a management client reports goes to whom it concerns.
  mutating func takeReports(_ index: Int, _ node: inout NodeCore) {
    let reports = managementClients[index].reports
    managementClients[index].reports.removeAll()
    for report in reports {
      switch report {
      case .registered(let target, let status, let explanation):
        registered(target, by: index, status, explanation, &node)
      case .changed(let tag):
        switch tag.part {
        case .mount: configurationChanged(ofMount: tag.index, &node)
        case .link: configurationChanged(ofTarget: tag.index, &node)
        case .program, .managementClient, .server, .object: break
        }
      case .failed(let tag, let status, let explanation):
        switch tag.part {
        case .mount:
          mounts[tag.index].cannotRead(status, explanation, &node, &events)
          settleWatch(of: tag.index, &node)
        case .link:
          explanations[tag.index] = explanation
          links.cannotRead(tag.index, &node)
        case .program, .managementClient, .server, .object: break
        }
      }
    }
  }
}
