// Settings of whole clusters, and of benchmarks of imports.
extension Setting {
  static let targetName = Setting(
    "target-name", .text, "", standardMeaning: "MGS with a NID",
    "The UUID of the target that is connected to, such as lfs-OST0000_UUID; MGS")

  static let mountCount = Setting(
    "mounts", .integer(0...10_000), "20",
    "Mounts that are taken apart, each from a new node; 0 for none; with a NID, of --fsname")
  static let mountedTargets = Setting(
    "targets", .integer(1...16), "8", "Object targets of the file system, without a NID")
  static let mountedFileSystem = Setting(
    "fsname", .text, "", standardMeaning: "one of our own without a NID, none with one",
    "The file system that is mounted, of the management server at the NID")

  static let metadataServers = Setting(
    "mds", .integer(1...64), "2", "Metadata servers, with a target each")
  static let objectServers = Setting(
    "oss", .integer(1...64), "4", "Object servers")
  static let objectTargetsPerServer = Setting(
    "osts-per-oss", .integer(1...16), "1", "Object targets of each object server")
  static let clients = Setting(
    "clients", .integer(0...4000), "10", "Clients, each a node of its own")
  static let profile = Setting(
    "profile", .choice(["fast", "lustre"]), "fast",
    "How soon imports try again: at the connection's events, or as the kernel's client does")
  static let graph = Setting(
    "graph", .text, "", "Write a drawing to this file, FILE.dot or FILE.svg")
  static let clusterDeadline = Setting(
    "deadline", .duration(1_000_000...3_600_000_000_000), "60s",
    "How long it may take until all is connected")

  static let stormClients = Setting(
    "clients", .integer(1...4000), "100", "Clients, each a node of its own")
  static let stormTargets = Setting("targets", .integer(1...64), "8", "Targets of the server")
  static let down = Setting(
    "down", .duration(0...600_000_000_000), "1s", "How long the server is away")
  static let stormDeadline = Setting(
    "deadline", .duration(1_000_000...3_600_000_000_000), "120s",
    "How long it may take until every import is FULL")

  /// Those that no other command has.
  static let sessions: [Setting] = [
    targetName, metadataServers, objectServers, objectTargetsPerServer, clients, profile, graph,
    stormTargets, down, mountCount,
  ]
}
