/// How much of everything a node's roles may keep. Tables of requests and exports are as large as the node's.
package struct RolesCapacity: Equatable, Sendable {
  /// Targets of each kind that live here; as the connections' at most.
  package var managementServers = 1
  package var metadataServers = 4
  package var objectServers = 16
  /// Management servers that this node is a client of.
  package var managementClients = 2
  package var mounts = 4
  /// Operations on objects elsewhere that callers may have at a time, and their requests: powers of two.
  package var objectOperations = 64
  package var objectRequests = 128
  /// Events that nobody has taken yet, a power of two.
  package var events = 1024

  package init() {}
}
