/**
 * Which faces of a mesh lie under a brush: those that are seen, and no others.
 */

/** How much farther than what is seen a face may lie that is seen: in metres, and as a share of the distance. */
const SLACK_M = 0.02;
const SLACK_SHARE = 0.006;

/** Of a face, as shares of its corners: a brush that covers one of them covers the face. */
const SPOTS = [
  [1 / 3, 1 / 3, 1 / 3],
  [2 / 3, 1 / 6, 1 / 6],
  [1 / 6, 2 / 3, 1 / 6],
  [1 / 6, 1 / 6, 2 / 3],
];

/**
 * Everything that a brush can touch, as the mesh is looked at now.
 * @param {{positions: Float32Array, faces: Uint32Array}} mesh
 * @param {{clip: Float32Array, orbit: {eye: number[], forward: number[]}, width: number, height: number,
 *   metres: Float32Array}} sight as `createMeshView` gives it
 * @returns {{under: (from: number[], to: number[], radius: number, each: (face: number) => void) => void}}
 *   faces that a brush covers that goes from one place of the screen to another; else the one below its end
 */
export function seenFaces({positions, faces}, sight) {
  const points = projected(positions, sight);
  const front = facingFaces(faces, points);
  const [seen, xs, ys, count] = seenSpots(faces, points, front, sight);

  function under(from, to, radius, each) {
    const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
    const length = dx * dx + dy * dy;
    let isEmpty = true;
    for (let i = 0; i < count; i++) {
      const [px, py] = [xs[i] - from[0], ys[i] - from[1]];
      const along = length ? Math.min(Math.max((px * dx + py * dy) / length, 0), 1) : 0;
      const [ax, ay] = [px - along * dx, py - along * dy];
      if (ax * ax + ay * ay > radius * radius) continue;
      isEmpty = false;
      each(seen[i]);
    }
    const below = isEmpty ? nearestAt(to) : null;
    if (below !== null) each(below);
  }

  /** The face that is seen at a place: where faces are larger than the brush. */
  function nearestAt([x, y]) {
    let best = null;
    let nearest = Infinity;
    for (const face of front) {
      const z = depthAt(faces, points, face, x, y);
      if (z < nearest) [best, nearest] = [face, z];
    }
    return best;
  }

  return {under};
}

/** Places on the screen and distances along the forward axis, three numbers a vertex; distances up to 0 lie behind. */
function projected(positions, {clip, width, height}) {
  const points = new Float32Array(positions.length);
  for (let i = 0; i < positions.length; i += 3) {
    const [x, y, z] = [positions[i], positions[i + 1], positions[i + 2]];
    const w = clip[3] * x + clip[7] * y + clip[11] * z + clip[15];
    points[i] = ((clip[0] * x + clip[4] * y + clip[8] * z + clip[12]) / w / 2 + 0.5) * width;
    points[i + 1] = (0.5 - (clip[1] * x + clip[5] * y + clip[9] * z + clip[13]) / w / 2) * height;
    points[i + 2] = w;
  }
  return points;
}

/** Faces in front of the eye whose outside looks at it. @returns {Uint32Array} */
function facingFaces(faces, points) {
  const found = new Uint32Array(faces.length / 3);
  let count = 0;
  for (let i = 0; i < faces.length; i += 3) {
    const [a, b, c] = [3 * faces[i], 3 * faces[i + 1], 3 * faces[i + 2]];
    if (Math.min(points[a + 2], points[b + 2], points[c + 2]) <= 0) continue;
    const across = (points[b] - points[a]) * (points[c + 1] - points[a + 1]);
    if (across < (points[b + 1] - points[a + 1]) * (points[c] - points[a])) found[count++] = i / 3;
  }
  return found.slice(0, count);
}

/** Spots of faces that are seen: the face of each, and where it is on the screen. The first `count` of them are there. */
function seenSpots(faces, points, front, sight) {
  const most = front.length * SPOTS.length;
  const [seen, xs, ys] = [new Uint32Array(most), new Float32Array(most), new Float32Array(most)];
  let count = 0;
  for (const face of front) {
    const [a, b, c] = [3 * faces[3 * face], 3 * faces[3 * face + 1], 3 * faces[3 * face + 2]];
    for (const [u, v, w] of SPOTS) {
      const x = points[a] * u + points[b] * v + points[c] * w;
      const y = points[a + 1] * u + points[b + 1] * v + points[c + 1] * w;
      if (!isSeen(x, y, points[a + 2] * u + points[b + 2] * v + points[c + 2] * w, sight)) continue;
      xs[count] = x;
      ys[count] = y;
      seen[count++] = face;
    }
  }
  return [seen, xs, ys, count];
}

/** Whether nothing lies in front: a slanted face may be a pixel beside what is compared with. */
function isSeen(x, y, z, {metres, width, height}) {
  const [column, row] = [Math.floor(x), Math.floor(y)];
  if (column < 0 || row < 0 || column >= width || row >= height) return false;
  let farthest = 0;
  for (let v = Math.max(row - 1, 0); v <= Math.min(row + 1, height - 1); v++) {
    for (let u = Math.max(column - 1, 0); u <= Math.min(column + 1, width - 1); u++) {
      if (metres[v * width + u] < Infinity) farthest = Math.max(farthest, metres[v * width + u]);
    }
  }
  return z <= farthest + SLACK_M + SLACK_SHARE * z;
}

/** How far away a face is at a place of the screen; infinite where it is not there. */
function depthAt(faces, points, face, x, y) {
  const [a, b, c] = [3 * faces[3 * face], 3 * faces[3 * face + 1], 3 * faces[3 * face + 2]];
  const side = (p, q) => (points[q] - points[p]) * (y - points[p + 1]) - (points[q + 1] - points[p + 1]) * (x - points[p]);
  const [toC, toA, toB] = [side(a, b), side(b, c), side(c, a)];
  if (toC > 0 || toA > 0 || toB > 0) return Infinity;
  const all = toA + toB + toC;
  return all ? all / (toA / points[a + 2] + toB / points[b + 2] + toC / points[c + 2]) : Infinity;
}
