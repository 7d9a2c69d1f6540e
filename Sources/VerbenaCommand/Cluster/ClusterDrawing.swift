internal import Roles

/// A cluster's connections as a drawing: Graphviz's language, or SVG.
struct ClusterDrawing {
  private let plan: ClusterPlan
  private let arrows: [(arrow: ClusterView.Arrow, count: Int)]
  private let sources: [String]

  /// More clients than these stand together as one.
  static let clientCountMax = 16

  init(_ view: ClusterView) {
    plan = view.plan
    let isGrouped = plan.clientCount > Self.clientCountMax
    let group = "\(plan.clientCount) clients"
    sources =
      isGrouped
      ? [group] : (0..<plan.clientCount).map { "client \($0 + 1)" }
    var counts: [ClusterView.Arrow: Int] = [:]
    for arrow in view.arrows {
      var arrow = arrow
      if isGrouped, arrow.source.hasPrefix("client ") { arrow.source = group }
      counts[arrow, default: 0] += 1
    }
    arrows = counts.sorted { left, right in
      (left.key.source, left.key.target, left.key.role)
        < (right.key.source, right.key.target, right.key.role)
    }.map { ($0.key, $0.value) }
  }

  private static func color(_ role: String) -> String {
    switch role {
    case "mgc": "#888888"
    case "mdc": "#1f77b4"
    case "osc": "#2ca02c"
    case "osp": "#d62728"
    default: "#9467bd"
    }
  }

  private func label(_ arrow: ClusterView.Arrow, _ count: Int) -> String {
    count == 1 ? arrow.role : "\(arrow.role) × \(count)"
  }

  /// Who connects, on the left, to targets, on the right.
  var dot: String {
    var lines = ["digraph cluster {", "  rankdir=LR;", "  node [shape=box, fontname=sans];"]
    for source in sources { lines.append("  \"\(source)\" [shape=ellipse];") }
    for (nid, target) in plan.targets {
      lines.append("  \"\(target.name)\" [label=\"\(target.name)\\n\(nid)\"];")
    }
    for (arrow, count) in arrows {
      lines.append(
        "  \"\(arrow.source)\" -> \"\(arrow.target)\" [label=\"\(label(arrow, count))\", "
          + "color=\"\(Self.color(arrow.role))\"];")
    }
    return lines.joined(separator: "\n") + "\n}\n"
  }

  // MARK: - SVG

  private static let rowHeight = 70
  private static let boxWidth = 150

  /// Left to right: clients, metadata servers with the management server, object servers.
  private var places: [String: (x: Int, y: Int)] {
    var places: [String: (x: Int, y: Int)] = [:]
    func put(_ names: [String], x: Int) {
      let offset = (rowCount - names.count) * Self.rowHeight / 2
      for (row, name) in names.enumerated() {
        places[name] = (x, 60 + offset + row * Self.rowHeight)
      }
    }
    let names = plan.targets.map(\.specification.name)
    put(sources, x: 100)
    put(Array(names.prefix(1 + plan.metadataCount)), x: 430)
    put(Array(names.dropFirst(1 + plan.metadataCount)), x: 760)
    return places
  }

  private var rowCount: Int {
    max(sources.count, 1 + plan.metadataCount, plan.objectCount)
  }

  var svg: String {
    let places = places
    var lines = [
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"880\" "
        + "height=\"\(rowCount * Self.rowHeight + 100)\" font-family=\"sans-serif\" font-size=\"12\">"
    ]
    for (arrow, count) in arrows {
      guard let from = places[arrow.source], let to = places[arrow.target] else { continue }
      let middle = ((from.x + to.x) / 2, (from.y + to.y) / 2 + (from.x == to.x ? 0 : -6))
      // Those of one column bend to the side.
      let bend = from.x == to.x ? from.x + 140 : middle.0
      lines.append(
        "<path d=\"M\(from.x) \(from.y) Q\(bend) \(middle.1) \(to.x) \(to.y)\" fill=\"none\" "
          + "stroke=\"\(Self.color(arrow.role))\"><title>\(arrow.source) to \(arrow.target): "
          + "\(label(arrow, count))</title></path>")
    }
    for name in sources + plan.targets.map(\.specification.name) {
      guard let place = places[name] else { continue }
      lines.append(
        "<rect x=\"\(place.x - Self.boxWidth / 2)\" y=\"\(place.y - 16)\" "
          + "width=\"\(Self.boxWidth)\" height=\"32\" rx=\"6\" fill=\"white\" stroke=\"black\"/>"
          + "<text x=\"\(place.x)\" y=\"\(place.y + 4)\" text-anchor=\"middle\">\(name)</text>")
    }
    for (index, role) in ["mgc", "mdc", "osc", "osp", "lwp"].enumerated() {
      lines.append(
        "<text x=\"\(30 + index * 60)\" y=\"24\" fill=\"\(Self.color(role))\">\(role)</text>")
    }
    return lines.joined(separator: "\n") + "\n</svg>\n"
  }
}
