internal import Connections
internal import LustreWire
package import Storage

// How a file system is kept: its logs as they are, and one text that says the rest.
extension ManagedFileSystem {
  private static let head = "management 1"
  /// No count gets as far as this: a text with a higher one is spoilt.
  private static let countMax: UInt64 = 1 << 62
  static let blobPrefix = "fs/"

  /// The name of the text's blob.
  package var blobName: String { Self.blobPrefix + name }

  package var text: String {
    var lines = [Self.head, "step \(step)", "version \(version)"]
    for kept in logs { lines.append("log \(kept.log.name) \(kept.log.id.object)") }
    for target in targets {
      let nodes = target.place.nodes.map { $0.map { $0.description }.joined(separator: ",") }
      let nids = target.nids.map { $0.description }.joined(separator: ",")
      lines.append(
        "target \(target.kind == .mdt ? "mdt" : "ost") \(target.index) \(target.instance) "
          + "\(target.version) \(nodes.joined(separator: ";")) \(nids.isEmpty ? "-" : nids)")
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// - Returns: nil when the text or a log is spoilt.
  package init?(_ name: String, text: String, image: TargetImage) {
    self.init(name)
    let lines = text.split(separator: "\n")
    guard lines.first == Self.head[...] else { return nil }
    for line in lines.dropFirst() {
      let words = line.split(separator: " ").map { String($0) }
      switch (words.first, words.count) {
      case ("step", 2):
        guard let number = UInt32(words[1]), number <= 1 << 30 else { return nil }
        step = number
      case ("version", 2):
        guard let number = UInt64(words[1]), number <= Self.countMax else { return nil }
        version = number
      case ("log", 3):
        guard let object = UInt64(words[2]), object > 0, object <= Self.countMax,
          let blob = BlobName(words[1]),
          let bytes = image.blob(blob),
          let log = ConfigLog(
            name: words[1], id: LogID(object: object, sequence: 10), bytes: bytes)
        else { return nil }
        logs.append(KeptLog(log: log, storedByteCount: bytes.count))
      case ("target", 7):
        guard let target = ManagedTarget(Array(words.dropFirst())) else { return nil }
        targets.append(target)
      default: return nil
      }
    }
  }
}

extension ManagedTarget {
  /// Kind, index, instance, version, nodes, NIDs.
  fileprivate init?(_ words: [String]) {
    func nids(_ text: Substring) -> [NID]? {
      let parsed = text.split(separator: ",").map { NID(String($0)) }
      let known = parsed.compactMap { $0 }
      return known.isEmpty || known.count != parsed.count ? nil : known
    }
    let nodes = words[4].split(separator: ";").map { nids($0) }
    let known = nodes.compactMap { $0 }
    guard words[0] == "mdt" || words[0] == "ost", let index = UInt32(words[1]),
      index <= ManagedFileSystem.indexMax, let instance = UInt32(words[2]),
      let version = UInt64(words[3]), !known.isEmpty, known.count == nodes.count
    else { return nil }
    self.init(
      kind: words[0] == "mdt" ? .mdt : .ost, index: index, place: TargetPlace(nodes: known))
    self.instance = instance
    self.version = version
    guard words[5] != "-" else { return }
    guard let now = nids(words[5][...]) else { return nil }
    self.nids = now
  }
}
