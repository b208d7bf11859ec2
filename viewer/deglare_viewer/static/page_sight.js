/**
 * Tells Python when a part of the page is seen: what is slow to make waits until somebody looks.
 */

const AHEAD = '120px';

/**
 * @param {{element: HTMLElement, props: Object, trigger: Function, watch: Function}} gradio `props.value` is the id of the
 *   run; it is told once for every run
 */
export function attachSight({element, props, trigger, watch}) {
  const place = element.querySelector('.dg-sight');
  let isSeen = false;
  let told = '';

  function tell() {
    if (!isSeen || !props.value || props.value === told) return;
    told = props.value;
    trigger('select', {run: told});
  }

  const watcher = new IntersectionObserver(
    ([entry]) => {
      isSeen = entry.isIntersecting;
      tell();
    },
    {rootMargin: AHEAD},
  );
  watcher.observe(place);
  watch('value', tell);
}
