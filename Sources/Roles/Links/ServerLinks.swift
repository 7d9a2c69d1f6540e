internal import Connections
internal import LustreWire
package import NodeCore
internal import RDMATransport
internal import Structures

/// A connection of a target of this node to another target.
package struct ServerLink: Sendable, BitwiseCopyable {
  /// Whose it is, among the targets of the node.
  package let owner: Int
  package internal(set) var link: TargetLink
  package internal(set) var proxy: TargetProxy
}

/// The connections of this node's targets to other targets (spec 00; 11 §1.1, §10): each metadata target's proxies of
/// all object targets and of all other metadata targets (OSP), and the light-weight connections (LWP) of object targets
/// to all metadata targets, and of metadata targets to the first one.
package struct ServerLinks: ~Copyable {
  /// As many as tags can name.
  package static let countMax = OwnerTag.indexMax

  /// By number: tags name it. An empty place is one that was given back.
  private var places: [ServerLink?] = []
  private var timer: TimerID?
  private var nextTick = UInt64.max
  /// Connections for which there was no place.
  package private(set) var missed: UInt64 = 0
  /// Targets whose configuration could not be read and is asked for again.
  private var unread: [Int] = []
  /// Sequences that targets of this node were given.
  var ranges: [(owner: Int, range: SequenceRange)] = []
  /// Sequences in which metadata targets of this node make objects at an object target, for their disks.
  var objectSequences: [(owner: Int, index: UInt32, sequence: UInt64)] = []
  /// The node leaves everybody: nothing is connected any more.
  private var isLeaving = false

  init() {}

  // MARK: - Views

  package var count: Int { places.count { $0 != nil } }
  /// Those that can be used at once.
  package var readyCount: Int { places.count { $0?.link.isReady == true } }
  /// For lists: by number, nil for an empty place.
  package var placeCount: Int { places.count }
  package subscript(place: Int) -> ServerLink? { places[place] }

  /// What is missing or went wrong, for an operator; empty when nothing is.
  package func explanation(_ node: borrowing NodeCore) -> String {
    var missing: [String] = []
    for case let place? in places where !place.link.isReady {
      missing.append("\(place.link.role.name) to \(place.link.explanation(node))")
    }
    if missed > 0 { missing.append("\(missed) connections had no place") }
    return missing.joined(separator: "; ")
  }

  // MARK: - The configuration

  /// Whom a target is to be connected to.
  private struct Wish {
    var role: ImportRole
    var entry: TargetEntry
    var client: ObdUUID
  }

  private static func wishes(
    of specification: TargetSpecification, _ map: FileSystemMap
  ) -> [Wish] {
    let own = specification.name
    let metadata = map.metadataTargets.filter { !$0.isInactive }
    func lightweight(_ role: ImportRole, _ entry: TargetEntry) -> Wish {
      // `lfs-MDT0000-lwp-OST0003_UUID`: the other's name, and the own one without the file system.
      let target = FileSystemNames(specification.fileSystem).metadataTarget(entry.index)
      let kind = own.dropFirst(specification.fileSystem.utf8.count + 1)
      return Wish(
        role: role, entry: entry, client: ObdUUID("\(target)-lwp-\(kind)_UUID") ?? ObdUUID())
    }
    switch specification.kind {
    case .mgs: return []
    case .ost: return metadata.map { lightweight(.lwpOfObjects, $0) }
    case .mdt:
      let client = ObdUUID("\(own)-mdtlov_UUID") ?? ObdUUID()
      let others = metadata.filter { $0.index != specification.index }
      let objects = map.objectTargets.filter { !$0.isInactive }
      return others.map { Wish(role: .ospToMetadata, entry: $0, client: client) }
        + objects.map { Wish(role: .ospToObjects, entry: $0, client: client) }
        + metadata.filter { $0.index == 0 }.map { lightweight(.lwpOfMetadata, $0) }
    }
  }

  /// A target of this node has learnt, or learnt anew, who else there is.
  ///
  /// - Parameter sequences: by number of an object target, the sequence in which objects are made there.
  mutating func take(
    _ map: FileSystemMap, for owner: Int, _ specification: TargetSpecification,
    lacksSequences: Bool, sequences: [UInt32: UInt64] = [:], _ node: inout NodeCore
  ) {
    guard !isLeaving else { return }
    let wishes = Self.wishes(of: specification, map)
    for wish in wishes {
      let target = ObdUUID(wish.entry.uuid) ?? ObdUUID()
      let place = places.firstIndex {
        $0?.owner == owner && $0?.link.role == wish.role && $0?.link.target == target
          && $0?.link.phase != .leaving
      }
      if let place {
        places[place]?.link.update(
          map.nids(of: wish.entry), map.life(of: wish.entry), &node)
      } else {
        let isController =
          wish.entry.index == 0 && (wish.role == .lwpOfObjects || wish.role == .lwpOfMetadata)
        let isAdded = add(
          wish, map.nids(of: wish.entry), owner, specification.index,
          wantsRange: isController && lacksSequences,
          sequence: wish.role == .ospToObjects ? sequences[wish.entry.index] : nil, &node)
        if !isAdded { missed += 1 }
      }
    }
    for place in places.indices where places[place]?.owner == owner {
      let isWished = wishes.contains { wish in
        places[place]?.link.role == wish.role
          && places[place]?.link.target == ObdUUID(wish.entry.uuid)
      }
      guard !isWished else { continue }
      if places[place]?.link.phase == .closed {
        remove(place, &node)
      } else {
        places[place]?.link.close(&node)
      }
    }
  }

  private mutating func add(
    _ wish: Wish, _ nids: [NID], _ owner: Int, _ group: UInt32, wantsRange: Bool,
    sequence: UInt64?, _ node: inout NodeCore
  ) -> Bool {
    let place = places.firstIndex { $0 == nil } ?? places.count
    guard place < Self.countMax else { return false }
    let tag = OwnerTag(.link, place)
    guard
      var link = TargetLink(
        wish.role, to: wish.entry, at: nids, as: wish.client, group: group, tag: tag, &node)
    else { return false }
    link.connect(&node)
    if place == places.count { places.append(nil) }
    places[place] = ServerLink(
      owner: owner, link: link,
      proxy: TargetProxy(
        wish.role, group: group, tag: tag, wantsRange: wantsRange, sequence: sequence))
    arm(&node)
    return true
  }

  private mutating func remove(_ place: Int, _ node: inout NodeCore) {
    guard let gone = places[place] else { return }
    node.connections.removeImport(gone.link.handle, turn: &node.turn)
    places[place] = nil
  }

  /// Leaves all targets; what was refused for good is forgotten.
  mutating func leave(_ node: inout NodeCore) {
    isLeaving = true
    for place in places.indices {
      if places[place]?.link.phase == .closed { remove(place, &node) }
      places[place]?.link.close(&node)
    }
  }

  /// The configuration of a target could not be read: it serves with what it knows, and asks again later.
  mutating func cannotRead(_ owner: Int, _ node: inout NodeCore) {
    unread.append(owner)
    arm(&node)
  }

  // MARK: - Events

  mutating func handle(
    _ event: ConnectionsEvent, _ tag: OwnerTag, _ node: inout NodeCore
  ) {
    guard tag.index < places.count, var place = places[tag.index] else { return }
    if event.kind == .replied || event.kind == .failed {
      let isKnown = place.proxy.ended(event, on: place.link.handle, &node)
      precondition(isKnown, "an answer to nobody's request")
      if let range = place.proxy.takeRange() { ranges.append((place.owner, range)) }
      if let sequence = place.proxy.takeNewSequence() {
        objectSequences.append((place.owner, place.link.index, sequence))
      }
    } else if event.importHandle == place.link.handle {
      switch place.link.note(event) {
      case .came: place.proxy.came(place.link.handle, &node)
      case .closed where place.link.status == 0:
        return remove(tag.index, &node)
      case .none, .went, .closed: break
      }
    }
    places[tag.index] = place
  }

  private mutating func arm(_ node: inout NodeCore) {
    if timer == nil {
      timer = node.makeProgramTimer(OwnerTag(.link).raw)
      precondition(timer != nil, "no timer left for the connections between servers")
    }
    guard let timer, nextTick == .max else { return }
    nextTick = node.turn.now + TargetProxy.interval
    node.turn.timers.arm(timer, at: nextTick)
  }

  /// - Returns: targets that want to read their configuration again.
  mutating func expired(_ node: inout NodeCore) -> [Int] {
    nextTick = .max
    var isBusy = false
    for index in places.indices {
      guard var place = places[index], place.proxy.isBusy else { continue }
      isBusy = true
      if place.link.phase == .full { place.proxy.tick(place.link.handle, &node) }
      places[index] = place
    }
    if isBusy { arm(&node) }
    let again = unread
    unread = []
    return again
  }
}
