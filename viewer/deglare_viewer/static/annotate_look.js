/**
 * Names, colours and keys of what can be said of a frame: one place for the picture, the strip and the buttons.
 */

export const SURFACES = [
  {name: 'glossy', key: '5', colour: '#ff40a0'},
  {name: 'mirror', key: '6', colour: '#4aa3ff'},
  {name: 'screen', key: '7', colour: '#a77bff'},
  {name: 'glass', key: '8', colour: '#3fd6b0'},
  {name: 'wet', key: '9', colour: '#ffd24a'},
];

export const TAGS = [
  {name: 'reflective', text: 'reflective', key: '1', colour: '#ff40a0'},
  {name: 'not-reflective', text: 'not', key: '2', colour: '#5fd38d'},
  {name: 'unsure', text: 'unsure', key: '3', colour: '#ffb454'},
  {name: 'waste', text: 'waste', key: '4', colour: '#8a8a94'},
];

export const TOOLS = [
  {name: 'paint', text: 'brush', key: 'b'},
  {name: 'polygon', text: 'polygon', key: 'p'},
  {name: 'erase', text: 'erase', key: 'e'},
];

export const PROPOSED = '#00dcff';
export const THROUGH = '#ff8a3c';
export const MISSING = '#c9a0ff';
export const EXCLUDED = '#d0d0d0';

/** Under this name stands what was agreed on. */
export const SETTLED = 'settled';

export const colourOfTag = (tag) => TAGS.find(({name}) => name === tag)?.colour ?? null;

/** The three numbers of `#rrggbb`. */
export const rgbOf = (colour) => [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16));
