internal import BenchKit

// Settings of servers and mounts. Where mkfs.lustre has a word for it, it is the name here.
extension Setting {
  static let hostsManagement = Setting(
    "mgs", .toggle, "0", in: .verbena("mgs"), "Host the management server")
  static let fileSystem = Setting(
    "fsname", .text, "lustre", in: .verbena("fsname"),
    "The file system of the targets: 1 to 8 letters, digits, - or _")
  static let metadataTargets = Setting(
    "mdt", .text, "", in: .verbena("mdt"),
    "Host metadata targets of these indices, such as 0 or 0-3 or 0,2")
  static let objectTargets = Setting(
    "ost", .text, "", in: .verbena("ost"),
    "Host object targets of these indices, such as 0 or 0-3 or 0,2")
  static let managementNodes = Setting(
    "mgsnode", .text, "", in: .verbena("mgsnode"), standardMeaning: "this node",
    "NIDs of the management server: those of one node with commas between, nodes with colons")
  static let serviceNodes = Setting(
    "servicenode", .text, "", in: .verbena("servicenode"),
    "NIDs of other nodes that may host the targets, written like those of --mgsnode")
  static let data = Setting(
    "data", .text, "", in: .verbena("data"), standardMeaning: "in memory, lost with the node",
    "A directory for the targets' data; each target makes one of its own in it")
  static let timing = Setting(
    "timing", .choice(["lustre", "fast"]), "lustre", in: .verbena("timing"),
    "How soon connections that were lost are made again: as the kernel's client does, or as soon as the network tells"
  )
  static let exportCount = Setting(
    "exports", .integer(1...262_144), "4096", in: .verbena("exports"),
    "Clients of all targets together that a server keeps")
  static let mountsPerNode = Setting(
    "mounts-per-node", .integer(1...64), "1", "Mounts of the file system on this one node")
  static let mountDeadline = Setting(
    "deadline", .duration(1_000_000...3_600_000_000_000), "100s",
    "Until the management server and the metadata targets must be connected; object targets are waited for 10s of it"
  )
  static let objectDeadline = Setting(
    "deadline", .duration(1_000_000...3_600_000_000_000), "100s",
    "How long a target may be silent; it may come back meanwhile. Where nothing is given, connecting may take 10s"
  )
  static let idleTimeout = Setting(
    "idle-timeout", .duration(0...3_600_000_000_000), "20s",
    "Connections to object targets that nobody uses end after this time and come back with the next use; 0 for never"
  )
  static let role = Setting(
    "role", .choice(["client", "mgc", "mdc", "osc", "osp", "lwp"]), "client",
    standardMeaning: "mgc, mdc or osc by the target's name", "What the connection is for")
  static let watch = Setting(
    "watch", .duration(0...3_600_000_000_000), "0s", standardMeaning: "once",
    "Show it again each time this long has passed, until a signal")
  static let benchObjects = Setting(
    "objects", .text, "", standardMeaning: "PUTs and GETs of LNet",
    "Measure WRITE and READ of an object on this target of the NID, such as lfs-OST0000, instead")
  static let checksumKind = Setting(
    "checksum-kind",
    .choice([
      "automatic", "none", "crc32", "adler", "crc32c", "t10ip512", "t10ip4K", "t10crc512",
      "t10crc4K",
    ]), "automatic", standardMeaning: "the fastest that the target grants",
    "The checksum that both ends compute of the data")

  /// What `serve` can set besides a node's own.
  static let server: [Setting] = [
    hostsManagement, fileSystem, metadataTargets, objectTargets, managementNodes, serviceNodes,
    data, timing, exportCount,
  ]
}
