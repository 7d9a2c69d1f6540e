// Which room may import what: the arrows of the house as data.

enum RoomRules {
  private static let containers: Set<String> = ["BasicContainers", "DequeModule", "HeapModule"]
  private static let floor: Set<String> = ["LustreWire", "Structures", "RDMATransport"]

  /// Rooms without clock, thread, lock, file or system call; and what each may import.
  static let pure: [String: Set<String>] = [
    "LustreWire": [],
    "Structures": containers,
    "RDMATransport": containers.union(["Structures"]),
    "LNet": containers.union(floor),
    "O2IBLND": containers.union(floor).union(["LNet"]),
    "Connections": containers.union(floor).union(["LNet", "PtlRPC"]),
    "PtlRPC": containers.union(floor).union(["LNet"]),
    "Roles": containers.union(floor).union([
      "LNet", "PtlRPC", "Connections", "NodeCore", "Storage",
    ]),
    "NodeCore": containers.union(floor).union(["LNet", "O2IBLND", "PtlRPC", "Connections"]),
    "Simulation": containers.union(floor).union([
      "LNet", "O2IBLND", "PtlRPC", "Connections", "NodeCore",
    ]),
    "Storage": containers.union(floor),
    "Capture": ["LustreWire"],
  ]

  /// Rooms where `unsafe` may stand: the edges to C and shared memory.
  static let mayBeUnsafe: Set<String> = [
    "VerbsTransport", "EmulatedTransport", "RDMATransport", "LustreWire", "TransportTools",
    "Verbena", "BenchKit", "VerbenaCommand", "Rings",
  ]

  /// Single files of other rooms where it may stand too.
  static let mayBeUnsafeFiles: Set<String> = ["Sources/Simulation/Fabric/SimulatedMemory.swift"]
}
